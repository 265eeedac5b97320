import { shell } from './shell.js';
import { erase } from './verbs/erase.js';
import { erasures } from './verbs/erasures.js';
import { integrity } from './verbs/integrity.js';
import { jobs } from './verbs/jobs.js';
import { auditing } from './verbs/audit.js';
import { backup } from './verbs/backup.js';
import { ballast } from './verbs/ballast.js';
import { bench } from './verbs/bench.js';
import { documents } from './verbs/documents.js';
import { drill } from './verbs/drill.js';
import { load } from './verbs/load.js';
import { memory } from './verbs/memory.js';
import { migrate } from './verbs/migrate.js';
import { projections } from './verbs/projections.js';
import { rebuild } from './verbs/rebuild.js';
import { restore } from './verbs/restore.js';
import { rollback } from './verbs/rollback.js';
import { serve } from './verbs/serve.js';
import { smoke } from './verbs/smoke.js';
import { status } from './verbs/status.js';
import { traffic } from './verbs/traffic.js';
import { validate } from './verbs/validate.js';
import { verify } from './verbs/verify.js';

/** The command `abathur`, verb by verb, in the order in which its help tells them. */
await shell(
  [
    serve,
    status,
    migrate,
    smoke,
    verify,
    integrity,
    projections,
    rebuild,
    backup,
    restore,
    drill,
    rollback,
    ballast,
    auditing,
    erase,
    erasures,
    load,
    memory,
    documents,
    jobs,
    bench,
    traffic,
    validate,
  ],
  process.argv.slice(2),
);
