import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The directory of package.json; the compiled program lies in dist/apps/cli. */
export const ROOT = join(import.meta.dirname, '../../..');

export const version = (): string =>
  (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version;
