import { below, invalid, namespacePrefix } from '#kernel';
import { sql, type Reader, type Sql } from '#storage';
import { isoTime } from './as-of.js';
import { positionAt } from './positions.js';

/** What auditors filter the log by. */
export interface AuditFilter {
  stream?: string;
  type?: string;
  actor?: string;
  agent_id?: string;
  task_id?: string;
  session_id?: string;
  namespace_prefix?: string;
  memory_operation?: string;
  memory_entry_id?: number;
  correlation_id?: string;
  /** Earliest time, inclusive. */
  from?: string;
  /** Latest time, inclusive. */
  to?: string;
}

/** A filter as a client spells it, checked, with its times in the form of the log's; `after` must not be beyond the head. */
export function askedFilter<F extends AuditFilter & { after?: number }>(asked: F, head: number): F {
  const { namespace_prefix, after } = asked;
  if (after !== undefined && after > head) throw invalid('after', `is ${after}, but the head is ${head}`);
  if (namespace_prefix !== undefined) namespacePrefix(namespace_prefix);
  const from = asked.from && isoTime(asked.from, 'from');
  const to = asked.to && isoTime(asked.to, 'to');
  if (from !== undefined && to !== undefined && from > to)
    throw invalid('from', `is ${asked.from}, which is after ${asked.to}`);
  return { ...asked, from, to };
}

/** Whether an entry is what a filter asks for, as {@link stretch} asks it of many; without its times. */
export function matches(filter: Omit<AuditFilter, 'from' | 'to'>, entry: FilterableEntry): boolean {
  const { namespace_prefix, ...equal } = filter;
  const same = Object.entries(equal).every(
    ([name, value]) => value === undefined || entry[name as keyof FilterableEntry] === value,
  );
  if (!same || namespace_prefix === undefined) return same;
  const { memory_namespace } = entry;
  return (
    memory_namespace !== null &&
    (memory_namespace === namespace_prefix || memory_namespace.startsWith(`${namespace_prefix}:`))
  );
}

type FilterableEntry = Record<
  Exclude<keyof AuditFilter, 'from' | 'to' | 'namespace_prefix' | 'memory_entry_id'>,
  string | null
> & { memory_entry_id: number | null; memory_namespace: string | null };

/** Positions, both exclusive at their lower and inclusive at their upper end. */
export interface Span {
  after: number;
  until: number;
}

/** Most positions that one read walks over when no index leads to what is asked for: a fraction of a second. */
const WALK = 100_000;
/** As many entries below a namespace are put in order by one read; where there are more, the log is walked. */
const FEW = 5000;

/** The next stretch of the log that a filter has to be held against, and the conditions to do it with. */
export interface Stretch extends Span {
  conditions: Sql[];
  /** Whether it reaches the end of what was asked for. */
  last: boolean;
}

/**
 * Where to look for what a filter asks for, within a span. Filters with an index of their own are looked up; others
 * (type, actor, agent) are not worth an index that every write pays for, so the log is walked, a bounded stretch at a time.
 */
export function stretch(db: Reader, filter: AuditFilter, span: Span, order: 'asc' | 'desc' = 'asc'): Stretch {
  const { after, until } = inTime(db, filter, span);
  const selective = isSelective(db, filter);
  const conditions = [...equalities(filter), ...namespaceConditions(filter, selective)];
  if (selective || until - after <= WALK) return { after, until, conditions, last: true };
  return order === 'asc'
    ? { after, until: after + WALK, conditions, last: false }
    : { after: until - WALK, until, conditions, last: false };
}

/** Times along the log never run backwards, so a time is a position. */
function inTime(db: Reader, { from, to }: AuditFilter, { after, until }: Span): Span {
  const first =
    from === undefined
      ? undefined
      : (db.one<{ position: number }>(
          sql`SELECT position FROM audit WHERE timestamp >= ${from} ORDER BY timestamp, position LIMIT 1`,
        )?.position ?? Number.MAX_SAFE_INTEGER);
  const last = to === undefined ? undefined : positionAt.run(db, to);
  return { after: Math.max(after, (first ?? 1) - 1), until: Math.min(until, last ?? until) };
}

function isSelective(db: Reader, filter: AuditFilter): boolean {
  const { stream, task_id, session_id, memory_entry_id, correlation_id } = filter;
  if ([stream, task_id, session_id, memory_entry_id, correlation_id].some((value) => value !== undefined)) return true;
  if (filter.namespace_prefix === undefined) return false;
  const found = db.one<{ count: number }>(
    sql`SELECT count(*) AS count FROM
          (SELECT 1 FROM audit WHERE ${namespaceCondition(filter.namespace_prefix, COLUMN)} LIMIT ${FEW + 1})`,
  );
  return found!.count <= FEW;
}

function equalities(filter: AuditFilter): Sql[] {
  const { stream, type, actor, agent_id, task_id, session_id, memory_operation, memory_entry_id } = filter;
  const conditions: Sql[] = [];
  if (stream !== undefined) conditions.push(sql`stream = ${stream}`);
  if (type !== undefined) conditions.push(sql`type = ${type}`);
  if (actor !== undefined) conditions.push(sql`actor = ${actor}`);
  if (agent_id !== undefined) conditions.push(sql`agent_id = ${agent_id}`);
  if (task_id !== undefined) conditions.push(sql`task_id = ${task_id}`);
  if (session_id !== undefined) conditions.push(sql`session_id = ${session_id}`);
  if (memory_operation !== undefined) conditions.push(sql`memory_operation = ${memory_operation}`);
  if (memory_entry_id !== undefined) conditions.push(sql`memory_entry_id = ${memory_entry_id}`);
  if (filter.correlation_id !== undefined) conditions.push(sql`correlation_id = ${filter.correlation_id}`);
  return conditions;
}

function namespaceConditions({ namespace_prefix }: AuditFilter, byIndex: boolean): Sql[] {
  return namespace_prefix === undefined
    ? []
    : [sql`(${namespaceCondition(namespace_prefix, byIndex ? COLUMN : WALKED)})`];
}

/** What lies in a namespace or below it, while the log is walked. */
export const inNamespace = (namespaces: string): Sql => sql`(${namespaceCondition(namespaces, WALKED)})`;

const COLUMN: Sql = { text: 'memory_namespace', params: [] };
// With the plus SQLite does not think of the index, which would put everything below the prefix in order first.
const WALKED: Sql = { text: '+memory_namespace', params: [] };

function namespaceCondition(namespaces: string, column: Sql): Sql {
  const { prefix, from, to } = below(namespaces);
  return sql`${column} = ${prefix} OR (${column} >= ${from} AND ${column} < ${to})`;
}
