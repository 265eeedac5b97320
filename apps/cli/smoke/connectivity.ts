import { answers, holds, isHidden, same, type SmokeCase, type SmokeCategory } from './case.js';
import { Mismatch, Skipped } from './mismatch.js';
import type { Heard, World } from './world.js';

/** The tables that everything else stands on. */
const TABLES = [
  'tasks',
  'agents',
  'audit',
  'checkpoints',
  'state',
  'metrics',
  'sessions',
  'memory_entries',
  'document_index',
  'document_embeddings',
  'document_embeddings_data',
];

/** The 33 indexes that were promised; there are more. */
const INDEXES = `
  agents_session agents_state agents_task audit_memory_entry audit_memory_namespace audit_memory_operations
  audit_task audit_timestamp checkpoints_session document_content_hash document_file_path document_sync_status
  document_type_created document_updated embeddings_document_chunk embeddings_model_hash memory_created_by
  memory_episodic_ttl memory_namespace_key_version memory_namespace_prefix memory_type_namespace
  memory_type_updated memory_updated_at metrics_name_timestamp sessions_app_user sessions_project
  sessions_status_updated sessions_user_created tasks_parent tasks_running_timeout tasks_session
  tasks_status_priority tasks_submitted_at`
  .trim()
  .split(/\s+/)
  .map((name) => `idx_${name}`);

export const connectivity: SmokeCategory = {
  name: 'Database Connectivity',
  cases: [
    {
      name: 'Database connection successful',
      async run(world) {
        const { body } = answers(200, await world.get('/health/ready'));
        same('status of readiness', body.status, 'ok');
        const pages = await Promise.all(Array.from({ length: 5 }, () => world.get('/v1/sessions?limit=1')));
        pages.forEach((page) => answers(200, page));
        const health = await world.get('/health');
        if (isHidden(health)) return { note: 'its parts are not shown to this address' };
        const { database, readers } = answers(200, health).body.parts;
        same('status of the database', database.status, 'ok');
        holds('no reader is there', readers.details.size >= 1);
        return { note: `SQLite ${database.details.sqlite}, ${readers.details.size} readers` };
      },
    },
    {
      name: 'All tables exist and accessible',
      async run(world) {
        const { tables } = await database(world);
        const readable = tables.filter((table: Table) => table.readable).map(({ name }: Table) => name);
        same(
          'tables that are missing or cannot be read',
          TABLES.filter((name) => !readable.includes(name)),
          [],
        );
        same(
          'tables that cannot be read',
          tables.filter((table: Table) => !table.readable),
          [],
        );
        return { note: `${tables.length} tables` };
      },
    },
    {
      name: 'All indexes created',
      async run(world) {
        const { indexes, missing } = await database(world);
        same(
          'indexes that are missing',
          INDEXES.filter((name) => !indexes.includes(name)),
          [],
        );
        same('what the migrations make and is not there', missing, []);
        return { note: `${indexes.length} indexes` };
      },
    },
    checked('PRAGMA integrity_check passes', 'sqlite'),
    checked('PRAGMA foreign_key_check passes', 'foreign-keys'),
  ],
};

interface Table {
  name: string;
  readable: boolean;
}

const database = async (world: World): Promise<Heard['body']> =>
  answers(200, await world.get('/v1/admin/database')).body;

/** Milliseconds that the check of the whole database is waited for: on a large one it takes minutes. */
const PATIENCE = 20_000;

function checked(name: string, of: string): SmokeCase {
  return {
    name,
    async run(world) {
      const report = await integrity(world);
      const found = report.checks.find((one: { name: string }) => one.name === of);
      holds(`the report has no check ${of}`, found !== undefined);
      same(`flaws found at ${report.finished_at}`, found.flaws, []);
      same(`ok of the check ${of}`, found.ok, true);
      return { note: `checked at ${report.finished_at}` };
    },
  };
}

const reports = new WeakMap<World, Promise<Heard['body']>>();

/** The report of a check that this run begins; where that takes too long, the last one that was made. */
function integrity(world: World): Promise<Heard['body']> {
  let report = reports.get(world);
  if (report === undefined) reports.set(world, (report = check(world)));
  return report;
}

async function check(world: World): Promise<Heard['body']> {
  const since = new Date().toISOString();
  const last = async (): Promise<Heard['body']> => answers(200, await world.get('/v1/admin/integrity')).body.last;
  const isNew = async (): Promise<boolean> => ((await last())?.finished_at ?? '') > since;
  const begun = await world.post('/v1/admin/integrity');
  // One check at a time: somebody else's, which is under way, will do as well.
  if (begun.status === 409) await world.waitFor(isNew, PATIENCE);
  else {
    const operation = await world.operation(answers(202, begun).body.id, PATIENCE);
    const failed = operation !== null && operation.status !== 'succeeded';
    if (failed && !(await world.waitFor(isNew, PATIENCE))) throw new Mismatch(`The check failed: ${operation.error}`);
  }
  const report = await last();
  if (report !== null) return report;
  throw new Skipped(`The first check of this database takes longer than ${PATIENCE / 1000} s; it goes on.`);
}
