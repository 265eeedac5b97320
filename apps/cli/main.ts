import { shell } from './shell.js';
import { jobs } from './verbs/jobs.js';
import { auditing } from './verbs/audit.js';
import { load } from './verbs/load.js';
import { memory } from './verbs/memory.js';
import { migrate } from './verbs/migrate.js';
import { serve } from './verbs/serve.js';
import { verify } from './verbs/verify.js';

/** The command `abathur`, verb by verb, in the order in which its help tells them. */
await shell([serve, migrate, verify, auditing, load, memory, jobs], process.argv.slice(2));
