import { decodeCursor, notFound, namespace, toPage, type JsonObject, type Page, type Visibility } from '#kernel';
import {
  memoriesById,
  memorySearch,
  newestTold,
  toldByKey,
  type Memory,
  type MemorySearchInput,
  type MemoryType,
  type Moment,
  type Told,
} from '#memories';
import { DEFAULT_WEIGHTS, type Halves, type QueryMeaning } from '#search';
import { candidates as namesOf, scopeOf, sessionState, type SessionWithState } from '#sessions';
import { and, defineRead, sql, type Reader } from '#storage';
import {
  checkpointsPage,
  seesTask,
  taskAt,
  taskStatePage,
  type Checkpoint,
  type Task,
  type TaskStateEntry,
} from '#work';
import type { ContextItem, ContextPart, Omitted } from './context.events.js';
import { fitPrompt, spellPrompt, type Candidate, type Prompt } from './context.prompt.js';

export interface ContextInput {
  session_id: string;
  task_id?: string;
  query?: string;
  /** What the query means, when there is something that knows it. */
  meaning?: QueryMeaning;
  /** What the query has found already, see {@link contextSearch}. */
  halves?: Halves;
  token_budget: number;
  as_of?: number;
  /** By which memories have expired or not, ISO-8601 UTC; left out, the time of the entry at `as_of`. */
  moment?: string;
}

/** A memory in a context, and how well it answered the query. */
export interface ContextMemory extends Memory {
  score: number | null;
}

/** A task in a context: how far it has come, and what it keeps. */
export interface ContextTask extends Task {
  last_checkpoint: Checkpoint | null;
  state: TaskStateEntry[];
}

/** A memory or a state key that one of a scope that goes before it hides. */
export interface Shadowed {
  part: ContextPart;
  key: string;
  namespace: string | null;
  id: number | null;
  /** What hides it: a memory's id, or a state key. */
  by: { id: number | null; key: string };
}

/** What one line of the prompt was made of. */
export interface Provenance extends Origin {
  line: number;
  part: ContextPart;
}
interface Origin {
  id: number | null;
  namespace: string | null;
  key: string | null;
  version: number | null;
  score: number | null;
}

export interface Context {
  /** Log position that was read. */
  position: number;
  moment: string;
  degraded: boolean;
  session: SessionWithState;
  task: ContextTask | null;
  memories: { user: ContextMemory[]; project: ContextMemory[]; app: ContextMemory[]; session: ContextMemory[] };
  episodes: ContextMemory[];
  procedures: ContextMemory[];
  prompt: string;
  token_count: number;
  /** One for each record of the prompt, in its order. */
  provenance: Provenance[];
  shadowed: Shadowed[];
  omitted: Omitted;
  /** Namespaces that were looked into; `null` where there is none. */
  namespaces: Record<MemoryScope, string | null>;
  lines: { part: ContextPart; item: ContextItem; record: JsonObject }[];
}

/** Scopes of memories, in the order in which the same key is looked for. */
const MEMORY_SCOPES = ['session', 'user', 'app', 'project'] as const;
type MemoryScope = (typeof MEMORY_SCOPES)[number];

/** How many of each scope and type are considered, the newest, and how many of those that answer the query. */
const NEWEST = 50;
const FOUND = 50;
/** Nearness without a common word is often none: what has less than this, or a tenth of the best, does not answer. */
const LEAST_SCORE = 0.01;
const LEAST_SHARE = 0.1;
/** Keys of a task's state that are considered. */
const TASK_STATE = 100;

/** Everything an agent should know for its next turn, about one moment. */
export const contextNow = defineRead('contexts.of', (db, input: ContextInput): Context => {
  const { session_id, as_of, token_budget } = input;
  const position = as_of ?? headOf(db);
  const moment = input.moment ?? timeAt(db, position);
  const session = sessionState.run(db, { session_id, as_of });
  const task = taskOf(db, input.task_id, as_of);
  const namespaces = namespacesOf(session);
  const state = stateCandidates(session);
  const known = memoryCandidates(db, { ...input, moment, namespaces });
  const candidates = [sessionCandidate(session), ...taskCandidates(task), ...state.candidates, ...known.candidates];
  const fitted = fitPrompt(candidates, token_budget);
  const degraded = input.query !== undefined && input.meaning === undefined;
  return {
    ...present(session, task, fitted, memoriesOf(db, fitted.lines, { as_of, now: moment })),
    position,
    moment,
    degraded,
    namespaces,
    shadowed: [...state.shadowed, ...known.shadowed],
    omitted: fitted.omitted,
  };
});

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

export const contextReads = [contextOwners, contextNow, recordedContext, contextsPage, taintedContexts];

const headOf = (db: Reader): number =>
  db.one<{ position: number }>(sql`SELECT coalesce(max(position), 0) AS position FROM audit`)!.position;

const timeAt = (db: Reader, position: number): string =>
  db.one<{ time: string }>(sql`SELECT timestamp AS time FROM audit WHERE position = ${position}`)?.time ?? '';

/** Where memories for this session may be. A name that can be no segment of a namespace has none. */
function namespacesOf({ session_id, user_id, app_name, project_id }: SessionWithState): Context['namespaces'] {
  const below = (scope: MemoryScope, name: string | null): string | null => {
    if (name === null || name.includes(':')) return null;
    try {
      return namespace(`${scope}:${name}`);
    } catch {
      return null;
    }
  };
  return {
    session: below('session', session_id),
    user: below('user', user_id),
    app: below('app', app_name),
    project: below('project', project_id),
  };
}

const sessionCandidate = ({ session_id, app_name, user_id, project_id, status }: SessionWithState): Candidate => ({
  item: { part: 'session' },
  record: { session_id, app_name, user_id, project_id, status },
});

const stateCandidate = ({ state }: SessionWithState, state_key: string): Candidate => ({
  item: { part: 'state', state_key },
  record: { key: state_key, value: state[state_key] ?? null },
});

function taskOf(db: Reader, task_id: string | undefined, as_of: number | undefined): ContextTask | null {
  if (task_id === undefined) return null;
  const [last_checkpoint = null] = checkpointsPage.run(db, { task_id, as_of, limit: 1 }).items;
  return {
    ...taskAt.run(db, { task_id, as_of }),
    last_checkpoint,
    state: taskStatePage.run(db, { task_id, as_of, limit: TASK_STATE }).items,
  };
}

/** What is to be done, how far it has come, and what is kept for it. */
function taskCandidates(task: ContextTask | null): Candidate[] {
  if (task === null) return [];
  const { task_id, prompt, agent_type, priority, status, retry_count, input_data, procedure, last_checkpoint } = task;
  const about = { task_id, prompt, agent_type, priority, status, retry_count, input_data };
  const goesBy = procedure && { namespace: procedure.namespace, key: procedure.key, version: procedure.version };
  return [
    { item: { part: 'task' }, record: { ...about, ...(goesBy && { procedure: goesBy }) } },
    ...(last_checkpoint === null
      ? []
      : [
          {
            item: { part: 'checkpoint' as const },
            record: {
              iteration: last_checkpoint.iteration,
              time: last_checkpoint.created_at,
              state: last_checkpoint.state,
            },
          },
        ]),
    ...task.state.map(({ key, value }) => ({
      item: { part: 'task_state' as const, state_key: key },
      record: { key, value },
    })),
  ];
}

/** State by scope, and of the same bare name only what goes first. */
function stateCandidates(session: SessionWithState): { candidates: Candidate[]; shadowed: Shadowed[] } {
  const shadowed: Shadowed[] = [];
  const keys = Object.keys(session.state).filter((key) => {
    const winner = namesOf(bareName(key)).find((name) => Object.hasOwn(session.state, name))!;
    if (winner === key) return true;
    shadowed.push({ part: 'state', key, namespace: null, id: null, by: { id: null, key: winner } });
    return false;
  });
  const rank = (key: string): number => MEMORY_SCOPES.indexOf(scopeOf(key) as MemoryScope);
  const ordered = keys.toSorted((a, b) => rank(a) - rank(b));
  return { candidates: ordered.map((key) => stateCandidate(session, key)), shadowed };
}

const bareName = (key: string): string =>
  namesOf('').some((prefix) => prefix !== '' && key.startsWith(prefix)) ? key.slice(key.indexOf(':') + 1) : key;

interface Known {
  candidates: Candidate[];
  shadowed: Shadowed[];
}

type MemoriesInput = Omit<ContextInput, 'moment'> & { moment: string; namespaces: Context['namespaces'] };

/** Memories that may be told: what answers the query first, then the newest of each part in turn. */
function memoryCandidates(db: Reader, input: MemoriesInput): Known {
  const scopes = scopesOf(input.namespaces);
  if (scopes.length === 0) return { candidates: [], shadowed: [] };
  const found = searched(db, input, scopes);
  const scores = new Map(found.map(({ id, score }) => [id, score]));
  const turns = inTurns(newestOf(db, input, scopes));
  const ordered = [...new Map<number, Told>([...found, ...turns].map((memory) => [memory.id, memory])).values()];
  const { kept, shadowed } = withoutShadowed(db, input, ordered);
  return {
    candidates: kept.map((memory) => memoryCandidate(partOf(memory), memory, scores.get(memory.id) ?? null)),
    shadowed,
  };
}

function searched(db: Reader, input: MemoriesInput, scopes: MemoryScope[]) {
  const { query, halves } = input;
  if (query === undefined) return [];
  const { results } = memorySearch.whole.run(db, { ...searchInput({ ...input, query }, scopes), halves });
  return results.filter(({ score }) => score >= LEAST_SHARE * results[0]!.score);
}

type SearchedFor = Pick<MemoriesInput, 'meaning' | 'as_of' | 'moment' | 'namespaces'> & { query: string };

const searchInput = (
  { query, meaning, as_of, moment, namespaces }: SearchedFor,
  scopes: MemoryScope[],
): MemorySearchInput => ({
  query,
  meaning,
  mode: 'hybrid',
  fusion: 'weighted',
  weights: DEFAULT_WEIGHTS,
  limit: FOUND,
  threshold: LEAST_SCORE,
  explain: false,
  namespaces: scopes.map((scope) => namespaces[scope]!),
  as_of,
  now: moment,
});

/** The search of a context by itself, so that its halves can be found side by side before the rest is read. */
export function contextSearch(
  session: SessionWithState,
  asked: Omit<SearchedFor, 'namespaces'>,
): MemorySearchInput | undefined {
  const namespaces = namespacesOf(session);
  const scopes = scopesOf(namespaces);
  return scopes.length === 0 ? undefined : searchInput({ ...asked, namespaces }, scopes);
}

const scopesOf = (namespaces: Context['namespaces']): MemoryScope[] =>
  MEMORY_SCOPES.filter((scope) => namespaces[scope] !== null);

/** The newest memories of each part; with a query, episodes are only those that answer it. */
function newestOf(db: Reader, { query, as_of, moment, namespaces }: MemoriesInput, scopes: MemoryScope[]): Told[][] {
  const newest = (memory_type: MemoryType, among: MemoryScope[]): Told[] =>
    newestTold(db, {
      namespaces: among.map((scope) => namespaces[scope]!),
      memory_type,
      as_of,
      now: moment,
      limit: NEWEST,
    });
  return [
    ...scopes.map((scope) => newest('semantic', [scope])),
    newest('procedural', scopes),
    ...(query === undefined ? [newest('episodic', scopes)] : []),
  ];
}

/** The first of each list, then the second of each, and so on. */
function inTurns<T>(lists: T[][]): T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, n) => lists.flatMap((list) => list.slice(n, n + 1))).flat();
}

/** Of memories of one type with the same key, those of the scope that goes first; they take the place of the others. */
function withoutShadowed(
  db: Reader,
  { as_of, moment, namespaces }: MemoriesInput,
  memories: Told[],
): { kept: Told[]; shadowed: Shadowed[] } {
  const rank = (name: string): number => MEMORY_SCOPES.indexOf(name.slice(0, name.indexOf(':')) as MemoryScope);
  const lower = memories.filter(({ namespace: name }) => rank(name) > 0);
  const keys = [...new Set(lower.map(({ key }) => key))];
  const first = new Map<string, { id: number; rank: number }>();
  for (const scope of MEMORY_SCOPES.slice(0, Math.max(0, ...lower.map(({ namespace: name }) => rank(name))))) {
    const at = namespaces[scope];
    if (at === null) continue;
    for (const { memory_type, key, id } of toldByKey(db, { namespace: at, keys, now: moment, as_of })) {
      const name = JSON.stringify([memory_type, key]);
      if (!first.has(name)) first.set(name, { id, rank: rank(at) });
    }
  }
  const winners = new Map<number, number>();
  for (const { id, namespace: name, memory_type, key } of lower) {
    const winner = first.get(JSON.stringify([memory_type, key]));
    if (winner !== undefined && winner.rank < rank(name)) winners.set(id, winner.id);
  }
  const known: Map<number, Told> = memoriesById(db, [...new Set(winners.values())], { as_of, now: moment });
  const kept = memories.map((memory) => known.get(winners.get(memory.id) ?? -1) ?? memory);
  const shadowed = memories
    .filter(({ id }) => winners.has(id))
    .map((memory) => ({
      part: partOf(memory),
      key: memory.key,
      namespace: memory.namespace,
      id: memory.id,
      by: { id: winners.get(memory.id)!, key: memory.key },
    }));
  return { kept: [...new Map(kept.map((memory) => [memory.id, memory])).values()], shadowed };
}

function partOf({ memory_type, namespace: name }: Told): ContextPart {
  if (memory_type === 'procedural') return 'procedures';
  if (memory_type === 'episodic') return 'episodes';
  return `memories.${name.slice(0, name.indexOf(':')) as MemoryScope}`;
}

function memoryCandidate(part: ContextPart, memory: Told, score: number | null): Candidate {
  const { id, namespace: name, key, version, updated_at, value } = memory;
  return {
    item: { part, memory_id: id, ...(score === null ? {} : { score }) },
    record: { id, namespace: name, key, version, ...(part === 'episodes' ? { time: updated_at } : {}), value },
  };
}

/** The memories that became lines, whole: of all that were considered those are a few. */
const memoriesOf = (db: Reader, lines: Prompt['lines'], moment: Moment): Map<number, Memory> =>
  memoriesById(
    db,
    lines.flatMap(({ item }) => item.memory_id ?? []),
    moment,
  );

/** The parts of a prompt, by their names in the answer. */
function present(
  session: SessionWithState,
  task: ContextTask | null,
  fitted: Omit<Prompt, 'omitted'>,
  memories: Map<number, Memory>,
) {
  const { prompt, token_count, lines } = fitted;
  const of = (part: ContextPart): ContextMemory[] =>
    lines.flatMap(({ item }) =>
      item.part === part ? [{ ...memories.get(item.memory_id!)!, score: item.score ?? null }] : [],
    );
  return {
    session,
    task,
    memories: {
      user: of('memories.user'),
      project: of('memories.project'),
      app: of('memories.app'),
      session: of('memories.session'),
    },
    episodes: of('episodes'),
    procedures: of('procedures'),
    prompt,
    token_count,
    provenance: lines.map(({ line, item, record }) => provenance(line, item, record)),
    lines: lines.map(({ item, record }) => ({ part: item.part, item, record })),
  };
}

function provenance(line: number, { part, score, state_key }: ContextItem, record: JsonObject): Provenance {
  const { id, namespace: name, key, version } = record as { [field in keyof Origin]?: Origin[field] };
  return {
    line,
    part,
    id: id ?? null,
    namespace: name ?? null,
    key: key ?? state_key ?? null,
    version: version ?? null,
    score: score ?? null,
  };
}
