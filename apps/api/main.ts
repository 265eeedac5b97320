import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Compiled code is kept beside the program, so that the next start need not compile it again. Where that is not
// possible, nothing is kept and nothing else changes.
enableCompileCache(join(import.meta.dirname, '../../.compiled'));
await import('./serve.js');
