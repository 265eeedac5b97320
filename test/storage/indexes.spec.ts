import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { directly, auditEvents, chooseStep, decideStep, positionAt, SqliteAuditLog, type Step } from '#audit-log';
import { assembleWriter, catalog, reads } from '#assembly';
import { document } from '#documents';
import { embeddingBacklog, LocalEmbedder, type EmbeddingModel } from '#search';
import { memory } from '#memories';
import { session, sessionsToArchive } from '#sessions';
import { Database, sql, type Sql } from '#storage';
import { endedTasks, nextTask, procedureOutcomes, progress, staleTasks, task } from '#work';
import { live } from '../support/history.js';
import { caller, catchUp, openTestHouse, type TestHouse } from '../support/house.js';

/** A connection that remembers what it was asked. */
function recording(db: Database): { db: Database; asked: Sql[] } {
  const asked: Sql[] = [];
  const questions = ['one', 'all', 'iterate', 'run'];
  const proxy = new Proxy(db, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        if (questions.includes(String(name))) asked.push(args[0] as Sql);
        return (member as (...all: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  return { db: proxy, asked };
}

describe('R-S5 Each index serves a query of the product:', () => {
  let house: TestHouse;
  let db: Database;
  let log: SqliteAuditLog;
  let asked: Sql[];
  beforeAll(async () => {
    house = openTestHouse();
    await live(house.log, 42, 2500);
    ({ db, asked } = recording(house.db));
    log = new SqliteAuditLog(db, catalog, directly(assembleWriter(db)));
  });
  afterAll(() => house.close());

  const read = (name: string, input: unknown): unknown => reads.get(name)!.run(db, input);
  const page = { limit: 20 };
  const events = (filter: object): unknown => auditEvents.run(db, { order: 'desc', ...page, ...filter });
  const sessions = (filter: object): unknown => read('sessions.page', { ...page, ...filter });
  const memories = (filter: object): unknown => read('memories.page', { ...page, now, ...filter });
  const documentsOf = (filter: object): unknown => read('documents.page', { ...page, ...filter });
  const aDocument = (): string =>
    house.db.one<{ file_path: string }>(sql`SELECT file_path FROM document_index WHERE chunk_count > 0`)!.file_path;
  const execute = (step: Step) => log.execute({ caller: caller(), steps: [step] });
  const tasks = (filter: object): unknown => read('tasks.page', { ...page, ...filter });
  const agents = (filter: object): unknown => read('agents.page', { ...page, ...filter });
  const claim = (agent_type?: string) => execute(chooseStep(task, nextTask, { agent_id: 'a', agent_type }));
  /** Of somebody before whose task others have a long queue. */
  const claimBehindOthers = async (): Promise<void> => {
    const steps = Array.from({ length: 1_001 }, (_, n) =>
      decideStep(task, { type: 'SubmitTask', ...aSubmission, task_id: `queued-${n}`, session_id: null }),
    );
    await log.execute({ caller: caller(), steps });
    const { app_name: app, user_id } = house.db.one<{ app_name: string; user_id: string }>(
      sql`SELECT app_name, user_id FROM sessions WHERE session_id = ${living()}`,
    )!;
    const visible = { app, users: [user_id], projects: [] };
    await execute(chooseStep(task, nextTask, { agent_id: 'a', agent_type: 'queued', visible }));
  };
  const aTask = (status: string): string =>
    house.db.one<{ task_id: string }>(sql`SELECT task_id FROM tasks WHERE status = ${status}`)!.task_id;
  const aWaitingTask = (): string =>
    house.db.one<{ task_id: string }>(sql`SELECT task_id FROM task_dependencies LIMIT 1`)!.task_id;
  /** Runs a task that others may wait for to its end. */
  const complete = async (): Promise<void> => {
    const task_id = aTask('running');
    await execute(decideStep(task, { type: 'CompleteTask', task_id, result_data: null }));
  };
  const writeCheckpoint = () => {
    const what = { task_id: aTask('pending'), session_id: null, iteration: 1, state: { now } };
    return execute(decideStep(progress, { type: 'WriteCheckpoint', ...what }));
  };
  const address = { namespace: 'user:alice', key: 'tea' };
  let written = 0;
  const write = () =>
    execute(decideStep(memory, { type: 'WriteMemory', mode: 'put', ...address, value: { n: ++written } }));
  const living = (): string =>
    house.db.one<{ session_id: string }>(sql`SELECT session_id FROM sessions WHERE status = 'active'`)!.session_id;

  /** Gives some texts their vectors, and searches among them. */
  const embed = async (limit: number): Promise<EmbeddingModel> => {
    await catchUp({ log });
    const { model: name, dimensions } = embedder;
    const model = await log.chore<EmbeddingModel>('register-model', { name, dimensions });
    const { texts } = embeddingBacklog.run(db, { model, after: 0, limit });
    const vectors = await embedder.embed(texts.map(({ text }) => text));
    await log.chore('store-vectors', {
      model,
      vectors: texts.map(({ id }, n) => ({ text_id: id, vector: vectors[n]! })),
    });
    return model;
  };
  const searchNear = async (filter: object): Promise<void> => {
    const model = await embed(1000);
    const query = 'value tea chat';
    const meaning = { ...(await embedder.embedQuery(query, { texts: 100, textsWith: () => 5 })), model };
    const weights = { words: 0.3, meaning: 0.7 };
    const { results } = read('memories.search', {
      query,
      mode: 'hybrid',
      fusion: 'weighted',
      weights,
      meaning,
      now,
      threshold: 0,
      ...page,
      ...filter,
    }) as { results: unknown[] };
    expect(results).not.toEqual([]);
  };

  const uses: Record<string, () => unknown> = {
    idx_api_keys_shown: () => read('access.key-of', { key_id: 'aaaaaaaa', now }),
    idx_audit_stream_version: () => log.readStream('session:s1'),
    idx_audit_stream_event_id: () => execute(appendTo(living())),
    idx_audit_timestamp: () => positionAt.run(db, now),
    idx_audit_task: () => events({ task_id: 't1' }),
    idx_audit_memory_operations: () => events({ memory_operation: 'publish' }),
    idx_audit_memory_namespace: () => events({ namespace_prefix: 'user:alice' }),
    idx_audit_memory_entry: () => events({ memory_entry_id: 7 }),
    idx_audit_session: () => events({ session_id: 's1' }),
    idx_audit_correlation: () => events({ correlation_id: 'work-1' }),
    idx_audit_erased: () => read('audit.erased-unasked', { from: 1, to: 1_000 }),
    idx_erasures_subject: () => read('erasures.of', 'f'.repeat(64)),
    idx_erasures_pending: () => read('erasures.pending', null),
    idx_erasure_ranges_last: () => read('audit.erased-unasked', { from: 1, to: 1_000 }),
    idx_erasure_ranges_erasure: () => read('erasures.ranges', 1),
    idx_commits_created_at: () => log.chore('forget-commits', now),
    idx_sessions_updated: () => sessions({}),
    idx_sessions_status_updated: () => sessionsToArchive.run(db, { before: now, limit: 10 }),
    idx_sessions_user_created: () => sessions({ user_id: 'alice' }),
    idx_sessions_project: () => sessions({ project_id: 'p1' }),
    idx_sessions_app_user: () => sessions({ app_name: 'planner', user_id: 'alice' }),
    idx_scoped_state_current: () => read('sessions.with-state', { session_id: living() }),
    idx_scoped_state_history: () => read('sessions.state-at', { session_id: living(), as_of: 900 }),
    idx_memory_namespace_key_version: () => read('memories.at', { ...address, version: 1, now }),
    idx_memory_namespace_prefix: () => memories({ namespace_prefix: 'user:alice' }),
    idx_memory_updated_at: () => memories({}),
    idx_memory_type_updated: () => memories({ memory_type: 'episodic' }),
    idx_memory_type_namespace: () => memories({ memory_type: 'episodic', namespace_prefix: 'user:alice' }),
    idx_memory_created_by: () => memories({ created_by: 'agent:planner' }),
    idx_memory_episodic_ttl: () => read('memories.ended', { until: '2026-02-01', ...page }),
    idx_contexts_session: () => read('contexts.page', { session_id: 's1', ...page }),
    idx_context_items_memory: () => read('contexts.page', { memory_id: 7, ...page }),
    idx_memory_session: () => execute(decideStep(session, { type: 'DeleteSession', session_id: living() })),
    idx_memory_marks_entry: () => memories({ as_of: 300 }),
    idx_memory_conflicts_namespace: () => read('conflicts.page', { ...page, namespace_prefix: 'user:alice' }),
    idx_memory_conflicts_status: () => read('conflicts.page', { ...page, status: 'open' }),
    idx_memory_quarantined: () => read('memories.namespaces', { now, ...page }),
    idx_quarantines_standing: () => write(),
    idx_memory_quarantines_entry: () => write(),
    idx_memory_quarantines_quarantine: () => read('quarantines.page', page),
    idx_memory_deletions_address: () => memories({ as_of: 300 }),
    idx_document_file_path: () => read('documents.at-path', 'docs/a.md'),
    idx_document_type_created: () => documentsOf({ document_type: 'plan', filter: { created_at: { gte: now } } }),
    idx_document_sync_status: () => documentsOf({ sync_status: 'synced' }),
    idx_document_content_hash: () => read('documents.with-hash', 'f'.repeat(64)),
    idx_document_updated: () => documentsOf({}),
    idx_embeddings_document_chunk: () =>
      execute(decideStep(document, { type: 'RemoveDocument', file_path: aDocument() })),
    idx_document_versions_current: () =>
      execute(decideStep(document, { type: 'RemoveDocument', file_path: aDocument() })),
    idx_tasks_status_priority: () => claim(),
    idx_tasks_claimable_type: () => claim('coder'),
    idx_tasks_claimable_session: () => claimBehindOthers(),
    idx_tasks_running_timeout: () => staleTasks.run(db, { now, limit: 10 }),
    idx_tasks_submitted_at: () => tasks({}),
    idx_tasks_status_submitted: () => tasks({ status: 'completed' }),
    idx_tasks_session: () => tasks({ session_id: 's1' }),
    idx_tasks_parent: () => tasks({ parent_task_id: 't1' }),
    idx_tasks_ended: () => endedTasks.run(db, { after: 0, limit: 10 }),
    idx_tasks_procedure: () => procedureOutcomes.run(db, { namespace: 'app:planner', key: 'tea' }),
    idx_task_dependencies_task: () => read('tasks.at', { task_id: aWaitingTask(), as_of: 1_000 }),
    idx_task_dependencies_on: () => complete(),
    idx_agents_task: () => agents({ task_id: 't1' }),
    idx_agents_session: () => agents({ session_id: 's1' }),
    idx_agents_state: () => agents({ state: 'idle' }),
    idx_checkpoints_task_iteration: () => writeCheckpoint(),
    idx_checkpoints_session: () => execute(decideStep(session, { type: 'DeleteSession', session_id: living() })),
    idx_state_task_key: () => read('task-state.page', { task_id: aTask('pending'), ...page }),
    idx_operations_kind: () => read('operations.page', { kind: 'documents.sync', uptime: 1, ...page }),
    idx_operations_running: () => log.chore('tidy-operations', { time: now, uptime: 1 }),
    idx_provenance_stream: () => read('memories.why', { namespace: 'user:alice', key: 'tea' }),
    idx_provenance_source_stream: () => read('memories.why', { namespace: 'session:s1', key: 'tea' }),
    idx_provenance_source_position: () => read('memories.why', { namespace: 'session:s1', key: 'tea' }),
    idx_metrics_name_timestamp: () => log.chore('catch-up', 'activity'),
    idx_search_entries_subject: () => log.chore('catch-up', 'search'),
    idx_embeddings_model_hash: () => embed(1),
    idx_search_entries_namespace: () => searchNear({ namespace_prefix: 'user:alice' }),
    idx_search_entries_source: () => searchNear({ memory_type: 'episodic' }),
    idx_search_entries_text: () => searchNear({}),
    idx_search_entries_sequence: () => searchNear({}),
  };

  it.each(Object.entries(uses))('%s', async (index, use) => {
    asked.splice(0);
    await use();
    const serving = asked.filter((statement) => usedBy(house.db, statement).includes(index));
    expect(serving).not.toEqual([]);
    for (const statement of serving) expect(scans(plan(house.db, statement))).toEqual([]);
  });

  it('none is left out here', () => {
    const indexes = house.db.all<{ name: string }>(
      sql`SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL`,
    );
    expect(indexes.map(({ name }) => name).toSorted()).toEqual(Object.keys(uses).toSorted());
  });

  it('and a table is told apart that is read from end to end', () => {
    const scan = sql`SELECT * FROM memory_entries WHERE metadata = '{}'`;
    expect(scans(plan(house.db, scan))).toEqual(['SCAN memory_entries']);
    expect(usedBy(house.db, scan)).toEqual([]);
  });
});

const embedder = new LocalEmbedder();
const now = '2026-01-02T03:04:05.678Z';
const aSubmission = {
  prompt: 'x',
  agent_type: 'queued',
  priority: 5,
  input_data: {},
  max_retries: 0,
  max_execution_timeout_seconds: 60,
  parent_task_id: null,
  dependencies: [],
  procedure: null,
  outcome_namespace: null,
};

const appendTo = (session_id: string): Step => {
  const content = { text: 'hello' };
  const event = { timestamp: now, event_type: 'message', actor: 'user', content, is_final_response: true } as const;
  return decideStep(session, { type: 'AppendEvents', session_id, events: [{ event_id: 'e1', ...event }] });
};

/** Tables read from end to end; in the order of an index is something else, and so is what was just put together. */
function scans(steps: string[]): string[] {
  const made = steps.flatMap((step) => /^MATERIALIZE (\w+)$/.exec(step)?.[1] ?? []);
  return steps.filter((step) => /^SCAN \w+$/.test(step) && !made.includes(step.slice('SCAN '.length)));
}

const explainable = ({ text }: Sql): boolean => /^\s*(WITH|SELECT|INSERT|UPDATE|DELETE)\b/i.test(text);

const plan = (db: Database, statement: Sql): string[] =>
  explainable(statement)
    ? db
        .all<{ detail: string }>({ ...statement, text: `EXPLAIN QUERY PLAN ${statement.text}` })
        .map((step) => step.detail)
    : [];

/** The indexes that a statement finds its rows by. An upsert tells of its own only in SQLite's byte code. */
function usedBy(db: Database, statement: Sql): string[] {
  const planned = plan(db, statement).flatMap((step) => / INDEX (idx_\w+)/.exec(step)?.[1] ?? []);
  return /ON CONFLICT/i.test(statement.text) ? [...planned, ...probedBy(db, statement)] : planned;
}

function probedBy(db: Database, statement: Sql): string[] {
  const code = db.all<{ opcode: string; p1: number; p2: number }>({ ...statement, text: `EXPLAIN ${statement.text}` });
  const probed = code.filter(({ opcode }) => opcode === 'NoConflict').map(({ p1 }) => p1);
  const roots = code.filter(({ opcode, p1 }) => opcode === 'OpenWrite' && probed.includes(p1)).map(({ p2 }) => p2);
  return db
    .all<{ name: string; rootpage: number }>(sql`SELECT name, rootpage FROM sqlite_schema WHERE type = 'index'`)
    .filter(({ rootpage }) => roots.includes(rootpage))
    .map(({ name }) => name);
}
