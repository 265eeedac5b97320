import { decodeCursor, notFound, toPage, type Page, type Visibility } from '#kernel';
import { memoriesById } from '#memories';
import { sessionState } from '#sessions';
import { and, defineRead, sql } from '#storage';
import { seesTask } from '#work';
import { present, type Context } from './context.answer.js';
import { namespacesOf, sessionCandidate, stateCandidate, taskCandidates, taskOf } from './context.candidates.js';
import type { ContextPart, Omitted } from './context.events.js';
import { memoryCandidate } from './context.memories.js';
import { spellPrompt, type Candidate } from './context.prompt.js';

/** A context that was recorded: what was asked, and what it was made of. */
export interface RecordedContext {
  context_id: string;
  session_id: string;
  task_id: string | null;
  query: string | null;
  token_budget: number;
  as_of: number | null;
  created_by: string;
  created_at: string;
  format: number;
  prompt_sha256: string;
  context: Context;
}

interface ContextRow extends ContextSummaryRow {
  moment: string;
  degraded: number;
  format: number;
  omitted: string;
}

/** What was given then, spelled again from what it was made of; without what was hidden, which nobody was given. */
export const recordedContext = defineRead('contexts.recorded', (db, context_id: string): RecordedContext => {
  const row = db.one<ContextRow>(
    sql`SELECT id, context_id, session_id, task_id, query, token_budget, as_of, position, moment, degraded, format,
          token_count, prompt_sha256, omitted, created_by, created_at
        FROM contexts WHERE context_id = ${context_id}`,
  );
  if (row === undefined) throw notFound('context', context_id);
  const { id, position, moment, degraded, omitted, token_count: _, ...told } = row;
  const items = db.all<{ part: ContextPart; memory_id: number | null; state_key: string | null; score: number | null }>(
    sql`SELECT part, memory_id, state_key, score FROM context_items WHERE context_id = ${id} ORDER BY place`,
  );
  const session = sessionState.run(db, { session_id: row.session_id, as_of: position });
  const memories = memoriesById(
    db,
    items.flatMap(({ memory_id }) => memory_id ?? []),
    { as_of: position, now: moment },
  );
  const task = taskOf(db, row.task_id ?? undefined, position);
  const ofTask = taskCandidates(task);
  const candidates = items.flatMap(({ part, memory_id, state_key, score }): Candidate[] => {
    if (part === 'session') return [sessionCandidate(session)];
    if (part === 'state') return [stateCandidate(session, state_key!)];
    const memory = memories.get(memory_id ?? -1);
    if (memory !== undefined) return [memoryCandidate(part, memory, score)];
    return ofTask.filter(({ item }) => item.part === part && (item.state_key ?? null) === state_key);
  });
  return {
    ...told,
    context: {
      ...present(session, task, spellPrompt(candidates), memories),
      position,
      moment,
      degraded: degraded === 1,
      namespaces: namespacesOf(session),
      shadowed: [],
      omitted: JSON.parse(omitted) as Omitted,
    },
  };
});

/** The session that a recorded context is of, and its task; `undefined`: there is no such context. */
export const contextOwners = defineRead(
  'contexts.owners',
  (db, context_id: string): { session_id: string; task_id: string | null } | undefined =>
    db.one(sql`SELECT session_id, task_id FROM contexts WHERE context_id = ${context_id}`),
);

export interface ContextSummary {
  id: string;
  session_id: string;
  task_id: string | null;
  query: string | null;
  token_budget: number;
  as_of: number | null;
  /** Log position that was read. */
  position: number;
  token_count: number;
  prompt_sha256: string;
  created_by: string;
  created_at: string;
}

interface ContextSummaryRow extends Omit<ContextSummary, 'id'> {
  id: number;
  context_id: string;
}

export interface ContextsInput {
  session_id?: string;
  /** Contexts that were given this version of a memory. */
  memory_id?: number;
  limit: number;
  cursor?: string;
  /** Only those for no task, or for one that somebody sees: what was looked for may be what the task says. */
  visible?: Visibility;
}

/** Recorded contexts, newest first. */
export const contextsPage = defineRead(
  'contexts.page',
  (db, { limit, cursor, visible, ...filter }: ContextsInput): Page<ContextSummary> => {
    const list = ['contexts', filter, ...(visible === undefined ? [] : [visible])];
    const conditions = [];
    if (visible !== undefined) conditions.push(sql`(c.task_id IS NULL OR ${seesTask(visible, sql`c.task_id`)})`);
    if (filter.session_id !== undefined) conditions.push(sql`c.session_id = ${filter.session_id}`);
    if (filter.memory_id !== undefined) {
      conditions.push(
        sql`c.id IN (SELECT i.context_id FROM context_items i WHERE i.memory_id IS NOT NULL AND i.memory_id = ${filter.memory_id})`,
      );
    }
    const [last] = decodeCursor<[number]>(list, cursor) ?? [];
    if (last !== undefined) conditions.push(sql`c.id < ${last}`);
    const rows = db.all<ContextSummaryRow>(
      sql`SELECT id, context_id, session_id, task_id, query, token_budget, as_of, position, token_count, prompt_sha256,
            created_by, created_at
          FROM contexts c WHERE ${and(conditions)} ORDER BY c.id DESC LIMIT ${limit + 1}`,
    );
    return toPage(
      list,
      rows,
      limit,
      ({ id }) => [id],
      ({ id: _, context_id, ...row }) => ({ id: context_id, ...row }),
    );
  },
);

/** A recorded context that was given what is in a quarantine. */
export interface TaintedContext {
  id: string;
  session_id: string;
  task_id: string | null;
  created_by: string;
  created_at: string;
  /** Ids of the versions that it was given. */
  memory_ids: number[];
}

/** The newest first. */
export const taintedContexts = defineRead(
  'contexts.tainted',
  (db, { id, limit, cursor }: { id: string; limit: number; cursor?: string }): Page<TaintedContext> => {
    const quarantine = db.one<{ position: number }>(
      sql`SELECT id AS position FROM quarantines WHERE quarantine_id = ${id}`,
    );
    if (quarantine === undefined) throw notFound('quarantine', id.slice(0, 100));
    const list = ['tainted', id];
    const [last] = decodeCursor<[number]>(list, cursor) ?? [];
    const rows = db.all<Omit<TaintedContext, 'memory_ids'> & { position: number; memory_ids: string }>(
      sql`SELECT c.id AS position, c.context_id AS id, c.session_id, c.task_id, c.created_by, c.created_at,
            json_group_array(i.memory_id) AS memory_ids
          FROM memory_quarantines k JOIN context_items i ON i.memory_id IS NOT NULL AND i.memory_id = k.entry_id
            JOIN contexts c ON c.id = i.context_id
          WHERE k.quarantine = ${quarantine.position} AND c.id < ${last ?? Number.MAX_SAFE_INTEGER}
          GROUP BY c.id ORDER BY c.id DESC LIMIT ${limit + 1}`,
    );
    return toPage(
      list,
      rows,
      limit,
      ({ position }) => [position],
      ({ position: _, memory_ids, ...row }) => ({ ...row, memory_ids: JSON.parse(memory_ids) as number[] }),
    );
  },
);
