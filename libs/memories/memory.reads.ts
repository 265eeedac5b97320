import {
  below,
  decodeCursor,
  DomainError,
  notFound,
  toPage,
  type Json,
  type JsonObject,
  type Page,
  type Visibility,
} from '#kernel';
import { isSeen, seesNamespace } from '#access';
import type { Snapshot } from '#audit-log';
import { and, compileFilter, defineRead, join, sql, type Field, type Reader, type Sql } from '#storage';
import type { MemoryRef, MemoryType } from './memory.events.js';

export interface Memory {
  /** Position of the event that made this version. */
  id: number;
  namespace: string;
  key: string;
  value: JsonObject;
  memory_type: MemoryType;
  version: number;
  is_deleted: boolean;
  metadata: JsonObject;
  created_by: string;
  updated_by: string;
  created_at: string;
  updated_at: string;
  expires_at: string | null;
  task_id: string | null;
  session_id: string | null;
  published_from: MemoryRef | null;
  /** Id of the memory that this one went into. */
  consolidated_into: number | null;
  /** The versions that this one was made of. */
  consolidated_from: MemoryRef[] | null;
  is_archived: boolean;
  requires_review: boolean;
  is_quarantined: boolean;
}

/** A row that is asked for as one JSON text: one value crosses over from SQLite instead of eighteen. */
interface MemoryRow {
  memory: string;
}

/** What is told by columns for now, by intervals for the past. */
interface Standing {
  isDeleted: Sql;
  into: Sql;
  isArchived: Sql;
  requiresReview: Sql;
}

const memoryJson = ({
  isDeleted,
  into,
  isArchived,
  requiresReview,
}: Standing): Sql => sql`json_object('id', id, 'namespace', namespace, 'key', key,
    'value', json(value), 'memory_type', memory_type, 'version', version, 'is_deleted', json(iif(${isDeleted}, 'true', 'false')),
    'metadata', json(metadata), 'created_by', created_by, 'updated_by', updated_by, 'created_at', created_at,
    'updated_at', updated_at, 'expires_at', expires_at, 'task_id', task_id, 'session_id', session_id,
    'published_from', json(published_from), 'consolidated_into', ${into}, 'consolidated_from', json(consolidated_from),
    'is_archived', json(iif(${isArchived}, 'true', 'false')),
    'requires_review', json(iif(${requiresReview}, 'true', 'false')),
    'is_quarantined', json(iif(is_quarantined, 'true', 'false'))) AS memory`;

const NOT: Sql = { text: '0', params: [] };
/** What has ended by `now` is gone, whether or not that has become an event yet. */
const standingNow = (now: string): Standing => ({
  isDeleted: sql`is_deleted OR (replaced_at IS NULL AND coalesce(expires_at <= ${now}, 0))`,
  into: sql`consolidated_into`,
  isArchived: sql`is_archived`,
  requiresReview: sql`requires_review`,
});
const memoryNow = (now: string): Sql => memoryJson(standingNow(now));

/** Before all times: whatever may have ended since, what is asked for is shown as it was written. */
export const AS_WRITTEN = '';

export interface MemoryInput {
  namespace: string;
  key: string;
  version?: number;
  as_of?: number;
  /** The moment that is asked about, ISO-8601 UTC: what has ended by then is gone. */
  now: string;
  /** Only what somebody sees. */
  visible?: Visibility;
  /** Also what is in quarantine. */
  include_quarantined?: boolean;
}

/** A memory now, one of its versions, or the memory as it was at a position. Deleted and expired ones are found by version only. */
export const memoryAt = defineRead('memories.at', (db, input: MemoryInput): Memory => {
  const memory = find(db, input);
  if (memory === undefined || (memory.is_deleted && input.version === undefined)) {
    throw notFound(
      'memory',
      `${input.namespace}/${input.key}${input.version === undefined ? '' : ` version ${input.version}`}`,
    );
  }
  if (isHidden(memory, input)) throw quarantined(memory);
  return memory;
});

/** To whoever reads it, what is in quarantine is not there; an operator is told why. */
const quarantined = ({ namespace, key, version }: Memory): DomainError =>
  new DomainError('not-found', 'memory-quarantined', `${namespace}/${key} version ${version} is in quarantine.`, {
    hint: 'Who looks into it asks with include_quarantined=true. A version from before is had back by restoring it.',
  });

/** Like {@link memoryAt}, but nothing is an answer too: for batches. */
export const memoryIfAny = defineRead('memories.if-any', (db, input: MemoryInput): Memory | null => {
  if (input.visible !== undefined && !isSeen(db, input.visible, input.namespace)) return null;
  const memory = find(db, input);
  return memory === undefined || memory.is_deleted || isHidden(memory, input) ? null : memory;
});

const isHidden = ({ is_quarantined }: Memory, { include_quarantined }: MemoryInput): boolean =>
  is_quarantined && include_quarantined !== true;

/** The version that an event made, as it was made; `null` when the event made none. */
export const memoryVersion = defineRead('memories.version', (db, id: number): Memory | null => {
  const row = db.one<MemoryRow>(asMade(id));
  return row === undefined ? null : toMemory(row);
});

const FRESH: Standing = { isDeleted: NOT, into: sql`NULL`, isArchived: NOT, requiresReview: NOT };
const MADE = sql`SELECT ${memoryJson(FRESH)} FROM memory_entries WHERE id = ${null}`.text;
const asMade = (id: number): Sql => ({ text: MADE, params: [id] });

function find(db: Reader, { namespace, key, version, as_of, now }: MemoryInput): Memory | undefined {
  const row = db.one<MemoryRow>(
    version === undefined && as_of === undefined
      ? newest(namespace, key, now)
      : past({
          namespace,
          key,
          version: Math.min(
            version ?? Number.MAX_SAFE_INTEGER,
            as_of === undefined ? Number.MAX_SAFE_INTEGER : versionAt(db, namespace, key, as_of),
          ),
          as_of,
          now,
        }),
  );
  const memory = row && toMemory(row);
  return version === undefined || memory?.version === version ? memory : undefined;
}

// The read that everything is built on, as one constant text: composing it anew would cost a third of it.
const NEWEST =
  sql`SELECT ${memoryNow('')} FROM memory_entries WHERE namespace = ${null} AND key = ${null} ORDER BY version DESC LIMIT 1`
    .text;
const newest = (namespace: string, key: string, now: string): Sql => ({ text: NEWEST, params: [now, namespace, key] });

/**
 * The version that a memory had at a position; 0 before it was there. Later versions have later ids, so it is found by
 * halving: a memory with ten thousand versions would else be read through.
 */
function versionAt(db: Reader, namespace: string, key: string, position: number): number {
  const upTo = (version: number): { version: number; id: number } | undefined =>
    db.one({ text: UP_TO, params: [namespace, key, version] });
  let [low, high] = [0, upTo(Number.MAX_SAFE_INTEGER)?.version ?? 0];
  for (let middle = high; low < high; middle = Math.ceil((low + high) / 2)) {
    const found = upTo(middle);
    if (found !== undefined && found.id > position) high = found.version - 1;
    else low = middle;
  }
  return low;
}

const UP_TO = sql`SELECT version, id FROM memory_entries
  WHERE namespace = ${null} AND key = ${null} AND version <= ${null} ORDER BY version DESC LIMIT 1`.text;

/** The newest version up to one, and up to a position. */
const past = ({ namespace, key, version, as_of, now }: MemoryInput & { version: number }): Sql =>
  sql`SELECT ${memoryJsonAt(as_of, now)} FROM memory_entries m
      WHERE namespace = ${namespace} AND key = ${key} AND version <= ${version} AND id <= ${as_of ?? Number.MAX_SAFE_INTEGER}
      ORDER BY version DESC LIMIT 1`;

const memoryJsonAt = (asOf: number | undefined, now: string): Sql =>
  asOf === undefined ? memoryNow(now) : memoryAsOf(asOf, now);

/** Whether a memory was deleted at a position is told by its deletions, not by the flag, which tells of now. */
const memoryAsOf = (asOf: number, now: string): Sql =>
  memoryJson({
    isDeleted: sql`${deletedAt(asOf)} OR ((replaced_at IS NULL OR replaced_at > ${asOf}) AND coalesce(expires_at <= ${now}, 0))`,
    into: sql`(SELECT k.into_id FROM memory_marks k WHERE k.mark = 'superseded' AND ${markedAt(asOf)})`,
    isArchived: sql`EXISTS (SELECT 1 FROM memory_marks k WHERE k.mark = 'archived' AND ${markedAt(asOf)})`,
    requiresReview: sql`EXISTS (SELECT 1 FROM memory_marks k WHERE k.mark = 'review' AND ${markedAt(asOf)})`,
  });

const deletedAt = (asOf: number): Sql =>
  sql`EXISTS (SELECT 1 FROM memory_deletions d WHERE d.namespace = m.namespace AND d.key = m.key
                AND d.id <= ${asOf} AND (d.restored_at IS NULL OR d.restored_at > ${asOf}))`;

/** A memory at a position, as far as two positions are compared. */
export function memorySnapshot(db: Reader, [namespace, key]: string[], as_of: number): Snapshot | null {
  const memory = find(db, { namespace: namespace!, key: key!, as_of, now: AS_WRITTEN });
  if (memory === undefined || memory.is_deleted) return null;
  const { memory_type, value, metadata, version, expires_at, consolidated_into, is_archived } = memory;
  return { version, document: { memory_type, value, metadata, expires_at, consolidated_into, is_archived } };
}
const markedAt = (asOf: number): Sql =>
  sql`k.entry_id = m.id AND k.id <= ${asOf} AND (k.ended_at IS NULL OR k.ended_at > ${asOf})`;

export interface HistoryInput {
  namespace: string;
  key: string;
  now: string;
  as_of?: number;
  /** Also versions in quarantine. */
  include_quarantined?: boolean;
  limit: number;
  cursor?: string;
}

/** All versions, newest first; also of a deleted memory. */
export const memoryHistory = defineRead('memories.history', (db, input: HistoryInput): Page<Memory> => {
  const { namespace, key, as_of, now, limit, cursor, include_quarantined = false } = input;
  const list = ['history', namespace, key, as_of, include_quarantined];
  const [last] = decodeCursor<[number]>(list, cursor) ?? [];
  const rows = db.all<MemoryRow>(
    sql`SELECT ${memoryJsonAt(as_of, now)} FROM memory_entries m
        WHERE namespace = ${namespace} AND key = ${key} AND version < ${last ?? Number.MAX_SAFE_INTEGER}
          AND id <= ${as_of ?? Number.MAX_SAFE_INTEGER} AND ${include_quarantined ? sql`1` : LET_IN}
        ORDER BY version DESC LIMIT ${limit + 1}`,
  );
  if (rows.length === 0 && last === undefined) throw notFound('memory', `${namespace}/${key}`);
  return toPage(list, rows.map(toMemory), limit, ({ version }) => [version], asIs);
});

export interface MemoriesFilter {
  /** Whole segments: `user:al` does not match `user:alice`. */
  namespace_prefix?: string;
  /** In any of these. */
  namespaces?: string[];
  memory_type?: MemoryType;
  key_prefix?: string;
  created_by?: string;
  /** ISO-8601 UTC, inclusive. */
  updated_after?: string;
  /** ISO-8601 UTC, inclusive. */
  updated_before?: string;
  include_deleted?: boolean;
  /** Also those that have ended. */
  include_ended?: boolean;
  /** Also those that went into another one, and those that were archived. */
  include_superseded?: boolean;
  /** Also what is in quarantine. */
  include_quarantined?: boolean;
  filter?: Json;
  /** Only what somebody sees. */
  visible?: Visibility;
}

/** The moment that a list or a search is about. */
export interface Moment {
  as_of?: number;
  /** ISO-8601 UTC: what has ended by then is gone. */
  now: string;
}

export interface MemoriesInput extends MemoriesFilter, Moment {
  limit: number;
  cursor?: string;
}

/** Memories by filter, newest first. */
export const memoriesPage = defineRead(
  'memories.page',
  (db, { limit, cursor, now, ...filter }: MemoriesInput): Page<Memory> => {
    const list = ['memories', filter];
    const conditions = memoryConditions({ ...filter, now });
    const [time, id] = decodeCursor<[string, number]>(list, cursor) ?? [];
    if (time !== undefined) conditions.push(sql`(updated_at, id) < (${time}, ${id!})`);
    const rows = db.all<MemoryRow>(
      sql`SELECT ${memoryJsonAt(filter.as_of, now)} FROM memory_entries m
        WHERE ${and(conditions)} ORDER BY updated_at DESC, id DESC LIMIT ${limit + 1}`,
    );
    return toPage(list, rows.map(toMemory), limit, (memory) => [memory.updated_at, memory.id], asIs);
  },
);

/** Versions by id, as they are or as they were at a position. */
export function memoriesById(db: Reader, ids: number[], { as_of, now }: Moment): Map<number, Memory> {
  const rows = db.all<MemoryRow>(
    sql`SELECT ${memoryJsonAt(as_of, now)} FROM memory_entries m
        WHERE id IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`,
  );
  return new Map(rows.map(toMemory).map((memory) => [memory.id, memory]));
}

/** What of a memory is told to an agent. */
export type Told = Pick<Memory, 'id' | 'namespace' | 'key' | 'memory_type' | 'version' | 'updated_at' | 'value'>;

export interface NewestInput extends Moment {
  namespaces: string[];
  memory_type: MemoryType;
  limit: number;
}

/**
 * The newest that may be told, of all these namespaces together. Looking for them is reading an index; rows are asked for
 * only of a few more than are wanted, and of all when too many of those may not be told.
 */
export function newestTold(db: Reader, { namespaces, limit, ...filter }: NewestInput): Told[] {
  const conditions = and(
    memoryConditions({ ...filter, include_ended: true, include_superseded: true, include_quarantined: true }),
  );
  const newestFirst = sql`ORDER BY updated_at DESC, id DESC`;
  const idsOf = (most: number): Sql => {
    const each = namespaces.flatMap((namespace) => {
      const { prefix, from, to } = below(namespace);
      // In the namespace itself the index has them in this order; what lies below it has to be sorted.
      return [sql`namespace = ${prefix}`, sql`namespace >= ${from} AND namespace < ${to}`].map(
        (place) =>
          sql`SELECT * FROM (SELECT id, updated_at FROM memory_entries m WHERE ${place} AND ${conditions}
              ${newestFirst} LIMIT ${most})`,
      );
    });
    return sql`${join(each, ' UNION ALL ', 'SELECT 0, 0')} ${newestFirst} LIMIT ${most}`;
  };
  const told = (most: number): { memories: Told[]; looked: number } => {
    const rows = db.all<Omit<Told, 'value'> & { value: string; told: number }>(
      sql`WITH newest (id) AS MATERIALIZED (SELECT id FROM (${idsOf(most)}))
          SELECT id, namespace, key, memory_type, version, updated_at, value, ${inUse(filter.as_of)} AND ${LET_IN} AND ${notExpired(filter.now)} AS told
          FROM memory_entries m WHERE id IN (SELECT id FROM newest) ORDER BY updated_at DESC, id DESC`,
    );
    const memories = rows
      .filter((row) => row.told === 1)
      .slice(0, limit)
      .map(({ told: _, ...row }) => ({ ...row, value: JSON.parse(row.value) as JsonObject }));
    return { memories, looked: rows.length };
  };
  const most = limit + 10;
  const { memories, looked } = told(most);
  return memories.length === limit || looked < most ? memories : told(Number.MAX_SAFE_INTEGER).memories;
}

/** Of a namespace and what lies below it, the newest memory of each type that has one of these keys and may be told. */
export function toldByKey(
  db: Reader,
  { namespace, keys, ...filter }: { namespace: string; keys: string[] } & Moment,
): { memory_type: MemoryType; key: string; id: number }[] {
  const { prefix, from, to } = below(namespace);
  // In the namespace itself each key is looked up; what lies below it has to be gone through.
  const each = [sql`namespace = ${prefix}`, sql`namespace >= ${from} AND namespace < ${to}`].map(
    (place) =>
      // The index that has the keys: without being told, SQLite looks up every row that is alive.
      sql`SELECT memory_type, key, id FROM memory_entries m INDEXED BY idx_memory_namespace_key_version
          WHERE ${place} AND key IN (SELECT value FROM json_each(${JSON.stringify(keys)}))
            AND ${and(memoryConditions(filter))}`,
  );
  return db.all(
    sql`SELECT memory_type, key, max(id) AS id FROM (${join(each, ' UNION ALL ', 'SELECT 0')})
        GROUP BY memory_type, key`,
  );
}

export interface ExportInput extends Pick<MemoriesFilter, 'namespace_prefix' | 'memory_type' | 'visible'> {
  /** Only ids above this one. */
  after: number;
  as_of: number;
  now: string;
  limit: number;
}

/** Memories as of a position, oldest version first: a snapshot that can be read page by page while writes go on. */
export const exportPage = defineRead('memories.export', (db, { after, limit, ...filter }: ExportInput): Memory[] => {
  const conditions = [sql`id > ${after}`, ...memoryConditions(filter)];
  return db
    .all<MemoryRow>(
      sql`SELECT ${memoryAsOf(filter.as_of, filter.now)} FROM memory_entries m WHERE ${and(conditions)} ORDER BY id LIMIT ${limit}`,
    )
    .map(toMemory);
});

/** What the event that made this version did to the memory. */
export const operationOf = defineRead('memories.operation-of', (db, id: number): string | null => {
  return (
    db.one<{ operation: string }>(sql`SELECT memory_operation AS operation FROM audit WHERE position = ${id}`)
      ?.operation ?? null
  );
});

/** The filter of lists and searches, over `memory_entries m`. */
export function memoryConditions(filter: MemoriesFilter & Moment): Sql[] {
  const { namespace_prefix, namespaces, memory_type, key_prefix, created_by, updated_after, updated_before } = filter;
  const { as_of, now } = filter;
  const conditions: Sql[] = [];
  if (filter.visible !== undefined) conditions.push(seesNamespace(filter.visible, 'm.namespace'));
  if (namespace_prefix !== undefined) conditions.push(inNamespace(namespace_prefix));
  if (namespaces !== undefined) conditions.push(sql`(${join(namespaces.map(inNamespace), ' OR ', '0')})`);
  // One type of three narrows less than a namespace does, which SQLite cannot know.
  if (memory_type !== undefined) conditions.push(sql`likely(memory_type = ${memory_type})`);
  if (key_prefix !== undefined) conditions.push(sql`substr(key, 1, ${[...key_prefix].length}) = ${key_prefix}`);
  if (created_by !== undefined) conditions.push(sql`created_by = ${created_by}`);
  if (updated_after !== undefined) conditions.push(sql`updated_at >= ${updated_after}`);
  if (updated_before !== undefined) conditions.push(sql`updated_at <= ${updated_before}`);
  if (as_of === undefined) {
    conditions.push(sql`replaced_at IS NULL`);
    if (filter.include_deleted !== true) conditions.push(sql`is_deleted = 0`);
  } else {
    conditions.push(sql`id <= ${as_of}`, sql`(replaced_at IS NULL OR replaced_at > ${as_of})`);
    if (filter.include_deleted !== true) conditions.push(sql`NOT ${deletedAt(as_of)}`);
  }
  if (filter.include_superseded !== true) conditions.push(inUse(as_of));
  if (filter.include_quarantined !== true) conditions.push(LET_IN);
  if (filter.include_deleted !== true && filter.include_ended !== true) conditions.push(notExpired(now));
  if (filter.filter !== undefined) conditions.push(compileFilter(filter.filter, memoryField, FILTER_FIELDS));
  return conditions;
}

/**
 * What keeps a memory out of lists, searches and contexts though it is there: it went into another one, or was archived. The
 * place for whatever else may.
 */
const inUse = (asOf: number | undefined): Sql =>
  asOf === undefined
    ? sql`consolidated_into IS NULL AND is_archived = 0`
    : sql`NOT EXISTS (SELECT 1 FROM memory_marks k WHERE k.mark IN ('superseded', 'archived') AND ${markedAt(asOf)})`;

/** Not in quarantine, whatever time is asked about: what is not trusted now was not to be trusted then. */
const LET_IN = sql`is_quarantined = 0`;

const notExpired = (at: string): Sql => sql`(expires_at IS NULL OR expires_at > ${at})`;

export function inNamespace(namespacePrefix: string): Sql {
  const { prefix, from, to } = below(namespacePrefix);
  return sql`(namespace = ${prefix} OR (namespace >= ${from} AND namespace < ${to}))`;
}

const FILTER_COLUMNS = [
  'key',
  'namespace',
  'memory_type',
  'version',
  'created_by',
  'updated_by',
  'created_at',
  'updated_at',
  'expires_at',
  'task_id',
  'session_id',
];

const FILTER_FIELDS = `${FILTER_COLUMNS.join(', ')}, metadata.<path>, value.<path>; any other name is a path into metadata`;

/** A field of a memory by the name that a filter gives it. */
export function memoryField(name: string): Field | undefined {
  if (FILTER_COLUMNS.includes(name)) return { column: `m.${name}` };
  const path = name.split('.');
  const json = path[0] === 'value' || path[0] === 'metadata' ? path.shift()! : 'metadata';
  // These are fields of a memory, but not ones that a filter can ask for.
  const reserved = [
    'id',
    'is_deleted',
    'is_archived',
    'consolidated_into',
    'consolidated_from',
    'requires_review',
    'published_from',
  ].includes(name);
  const usable = path.length > 0 && path.every((part) => part !== '' && !/["\\]/.test(part) && !part.startsWith('$'));
  return usable && !reserved ? { json: `m.${json}`, path } : undefined;
}

/** A version that may fade, and where it stands in the order in which they are looked through. */
export interface Fading extends MemoryRef {
  id: number;
  /** `expires_at` or `updated_at`. */
  at: string;
}

export interface FadingInput {
  /** ISO-8601 UTC, inclusive. */
  until: string;
  after?: Pick<Fading, 'id' | 'at'>;
  limit: number;
}

/** Memories whose life time is over and that are still there, longest ago first. */
export const endedMemories = defineRead('memories.ended', (db, { until, after, limit }: FadingInput): Fading[] =>
  db.all(
    sql`SELECT id, namespace, key, version, expires_at AS at FROM memory_entries
        WHERE replaced_at IS NULL AND is_deleted = 0 AND expires_at IS NOT NULL AND expires_at <= ${until}
          AND (expires_at, id) > (${after?.at ?? ''}, ${after?.id ?? 0})
        ORDER BY expires_at, id LIMIT ${limit}`,
  ),
);

/** Memories of a type that nobody has written since, longest ago first. */
export const memoriesOfAge = defineRead(
  'memories.of-age',
  (db, { memory_type, until, after, limit }: FadingInput & { memory_type: MemoryType }): Fading[] =>
    db.all(
      sql`SELECT id, namespace, key, version, updated_at AS at FROM memory_entries
          WHERE memory_type = ${memory_type} AND replaced_at IS NULL AND is_deleted = 0 AND updated_at <= ${until}
            AND (updated_at, id) > (${after?.at ?? ''}, ${after?.id ?? 0})
          ORDER BY updated_at, id LIMIT ${limit}`,
    ),
);

/** The versions that events are about. */
export const entriesOf = defineRead('memories.entries-of', (db, positions: number[]): number[] =>
  db
    .all<{ id: number }>(
      sql`SELECT memory_entry_id AS id FROM audit
          WHERE position IN (SELECT value FROM json_each(${JSON.stringify(positions)})) ORDER BY position`,
    )
    .map(({ id }) => id),
);

export interface NamespacesInput {
  prefix?: string;
  suffix?: string;
  /** Namespaces are cut to this many segments, and counted together. */
  max_depth?: number;
  now: string;
  as_of?: number;
  limit: number;
  cursor?: string;
  /** Only what somebody sees. */
  visible?: Visibility;
}

export interface NamespaceCount {
  namespace: string;
  /** Memories in it and, with `max_depth`, below it. */
  count: number;
}

/** What is in lists, apart from what has ended by itself: as an index has it. */
const LISTED = [sql`replaced_at IS NULL`, sql`is_deleted = 0`, sql`consolidated_into IS NULL AND is_archived = 0`];

/** Namespaces that hold memories, in order. `*` as a whole segment of prefix or suffix matches any one segment. */
export const namespacesPage = defineRead('memories.namespaces', (db, input: NamespacesInput): Page<NamespaceCount> => {
  const { prefix, suffix, max_depth, as_of, now, limit, cursor, visible } = input;
  const list = ['namespaces', prefix, suffix, max_depth, as_of, ...(visible === undefined ? [] : [visible])];
  const [last] = decodeCursor<[string]>(list, cursor) ?? [];
  const conditions = as_of === undefined ? [...LISTED] : memoryConditions({ as_of, now });
  if (visible !== undefined) conditions.push(seesNamespace(visible, 'm.namespace'));
  // The segments before the first wildcard narrow the range that is read.
  const fixed = prefix?.split(':').slice(0, firstWildcard(prefix)).join(':');
  if (fixed !== undefined && fixed !== '') conditions.push(inNamespace(fixed));
  const counts = new Map<string, number>();
  const countOf = (all: Sql[]): Sql =>
    sql`SELECT namespace, count(*) AS count FROM memory_entries m WHERE ${and(all)} GROUP BY namespace`;
  // Few have ended and wait for their event, or are in quarantine: indexes of their own tell them, and the other one needs no row.
  const ended = new Map<string, number>();
  if (as_of === undefined) {
    const over = countOf([...conditions, sql`+expires_at <= ${now}`]);
    for (const { namespace, count } of db.all<NamespaceCount>(over)) ended.set(namespace, count);
    const kept = countOf([...conditions, sql`is_quarantined = 1`, sql`coalesce(+expires_at > ${now}, 1)`]);
    for (const { namespace, count } of db.all<NamespaceCount>(kept))
      ended.set(namespace, (ended.get(namespace) ?? 0) + count);
  }
  for (const { namespace, count: all } of db.iterate<NamespaceCount>(countOf(conditions))) {
    const count = all - (ended.get(namespace) ?? 0);
    if (count === 0) continue;
    const segments = namespace.split(':');
    if (prefix !== undefined && !matches(segments, prefix.split(':'))) continue;
    if (suffix !== undefined && !matches(segments.toReversed(), suffix.split(':').toReversed())) continue;
    const shown = max_depth === undefined ? namespace : segments.slice(0, max_depth).join(':');
    counts.set(shown, (counts.get(shown) ?? 0) + count);
  }
  const after = [...counts]
    .map(([namespace, count]) => ({ namespace, count }))
    .sort((a, b) => (a.namespace < b.namespace ? -1 : 1))
    .filter(({ namespace }) => last === undefined || namespace > last);
  return toPage(
    list,
    after.slice(0, limit + 1),
    limit,
    ({ namespace }) => [namespace],
    (row) => row,
  );
});

function firstWildcard(pattern: string): number {
  const index = pattern.split(':').indexOf('*');
  return index < 0 ? Number.MAX_SAFE_INTEGER : index;
}

const matches = (segments: string[], pattern: string[]): boolean =>
  pattern.length <= segments.length && pattern.every((part, index) => part === '*' || part === segments[index]);

export const memoryReads = [
  memoryAt,
  memoryIfAny,
  memoryVersion,
  memoryHistory,
  memoriesPage,
  exportPage,
  operationOf,
  namespacesPage,
  endedMemories,
  memoriesOfAge,
  entriesOf,
];

const toMemory = ({ memory }: MemoryRow): Memory => JSON.parse(memory) as Memory;
const asIs = (memory: Memory): Memory => memory;
