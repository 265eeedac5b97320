import { openHouse, readConfig, seed, startBackground, type House } from '#assembly';
import { assembleWriter, catalog } from '#assembly';
import { directly, SqliteAuditLog, type Settler } from '#audit-log';
import { Database, ReadSide } from '#storage';
import { createApp } from '../../apps/api/app.js';

/**
 * The API as the benchmark compares it:
 * - `full`: as it is shipped;
 * - `no-background`: without the background work, embedding included;
 * - `no-database`: the same routes, validation and handlers, over a log and reads that answer constants;
 * - `per-request`: the same writer on the main thread, one transaction for each request.
 */
const variant = process.env['BENCH_VARIANT'] ?? 'full';
delete process.env['BENCH_VARIANT'];
const house = await openHouse(readConfig(process.env));
await seed(house.auditLog);

const app = await createApp(variants(house)[variant]!());
await app.listen(house.config.PORT, house.config.HOST);
if (variant === 'full') startBackground(house);
process.send?.('ready');

function variants(open: House): Record<string, () => House> {
  return {
    full: () => open,
    'no-background': () => open,
    'no-database': () => ({ ...open, auditLog: constantLog(open), reads: constantReads(open) }),
    'per-request': () => ({ ...open, auditLog: new SqliteAuditLog(open.db, catalog, onThisThread(open)) }),
  };
}

const MEMORY = {
  id: 7,
  namespace: 'user:bench',
  key: 'k',
  value: { text: 'The quick brown fox jumps over the lazy dog.', n: 1 },
  memory_type: 'semantic',
  version: 1,
  is_deleted: false,
  metadata: {},
  created_by: 'anonymous',
  updated_by: 'anonymous',
  created_at: '2026-01-01T00:00:00.000Z',
  updated_at: '2026-01-01T00:00:00.000Z',
  expires_at: null,
  task_id: null,
  session_id: null,
  published_from: null,
  consolidated_into: null,
  requires_review: false,
};

function constantLog({ auditLog }: House): SqliteAuditLog {
  const decision = { stream: 'memory:x', version: 1, position: 7, events: [{}] };
  return Object.assign(Object.create(auditLog) as SqliteAuditLog, {
    execute: async () => ({ results: [decision], position: 7, replayed: false }),
  });
}

function constantReads({ reads }: House): ReadSide {
  return Object.assign(Object.create(reads) as ReadSide, { point: () => MEMORY });
}

function onThisThread({ config }: House): Settler {
  const db = Database.open({ path: config.ABATHUR_DB_PATH, synchronous: config.ABATHUR_DB_SYNCHRONOUS });
  return directly(assembleWriter(db));
}
