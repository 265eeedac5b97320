import { shell } from './shell.js';
import { auditing } from './verbs/audit.js';
import { load } from './verbs/load.js';
import { memory } from './verbs/memory.js';
import { migrate } from './verbs/migrate.js';
import { projections } from './verbs/projections.js';
import { rebuild } from './verbs/rebuild.js';
import { serve } from './verbs/serve.js';
import { verify } from './verbs/verify.js';

/** The command `abathur`, verb by verb, in the order in which its help tells them. */
await shell([serve, migrate, verify, projections, rebuild, auditing, load, memory], process.argv.slice(2));
