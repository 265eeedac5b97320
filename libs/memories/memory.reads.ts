import { isSeen } from '#access';
import type { Snapshot } from '#audit-log';
import {
  below,
  decodeCursor,
  DomainError,
  notFound,
  toPage,
  type JsonObject,
  type Page,
  type Visibility,
} from '#kernel';
import { and, defineRead, join, sql, type Reader, type Sql } from '#storage';
import { endedMemories, memoriesOfAge } from './fading.reads.js';
import type { MemoryType } from './memory.events.js';
import { inUse, LET_IN, memoryConditions, notExpired, type MemoriesFilter, type Moment } from './memory.filter.js';
import {
  asIs,
  memoryAsOf,
  memoryJson,
  memoryJsonAt,
  memoryNow,
  NOT,
  toMemory,
  type Memory,
  type MemoryRow,
  type Standing,
} from './memory.row.js';
import { namespacesPage } from './namespace.reads.js';

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

/** A memory at a position, as far as two positions are compared. */
export function memorySnapshot(db: Reader, [namespace, key]: string[], as_of: number): Snapshot | null {
  const memory = find(db, { namespace: namespace!, key: key!, as_of, now: AS_WRITTEN });
  if (memory === undefined || memory.is_deleted) return null;
  const { memory_type, value, metadata, version, expires_at, consolidated_into, is_archived } = memory;
  return { version, document: { memory_type, value, metadata, expires_at, consolidated_into, is_archived } };
}

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

/** The versions that events are about. */
export const entriesOf = defineRead('memories.entries-of', (db, positions: number[]): number[] =>
  db
    .all<{ id: number }>(
      sql`SELECT memory_entry_id AS id FROM audit
          WHERE position IN (SELECT value FROM json_each(${JSON.stringify(positions)})) ORDER BY position`,
    )
    .map(({ id }) => id),
);

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
