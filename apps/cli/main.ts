import { shell } from './shell.js';
import { erase } from './verbs/erase.js';
import { erasures } from './verbs/erasures.js';
import { integrity } from './verbs/integrity.js';
import { jobs } from './verbs/jobs.js';
import { auditing } from './verbs/audit.js';
import { backup } from './verbs/backup.js';
import { ballast } from './verbs/ballast.js';
import { db } from './verbs/db.js';
import { config } from './verbs/config.js';
import { bench } from './verbs/bench.js';
import { documents } from './verbs/documents.js';
import { drill } from './verbs/drill.js';
import { keys } from './verbs/keys.js';
import { load } from './verbs/load.js';
import { memory } from './verbs/memory.js';
import { migrate } from './verbs/migrate.js';
import { projections } from './verbs/projections.js';
import { quarantine } from './verbs/quarantine.js';
import { ready } from './verbs/ready.js';
import { rebuild } from './verbs/rebuild.js';
import { restore } from './verbs/restore.js';
import { rollback } from './verbs/rollback.js';
import { serve } from './verbs/serve.js';
import { smoke } from './verbs/smoke.js';
import { status } from './verbs/status.js';
import { traffic } from './verbs/traffic.js';
import { validate } from './verbs/validate.js';
import { verify } from './verbs/verify.js';
import { wal } from './verbs/wal.js';

/** The command `abathur`, verb by verb, in the order in which its help tells them. */
await shell(
  [
    serve,
    status,
    migrate,
    ready,
    smoke,
    config,
    verify,
    integrity,
    projections,
    rebuild,
    backup,
    restore,
    drill,
    rollback,
    ballast,
    db,
    wal,
    auditing,
    erase,
    erasures,
    quarantine,
    load,
    memory,
    documents,
    jobs,
    keys,
    bench,
    traffic,
    validate,
  ],
  process.argv.slice(2),
);
