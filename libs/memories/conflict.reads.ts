import { decodeCursor, notFound, toPage, type Page, type Visibility } from '#kernel';
import { seesNamespace } from '#access';
import { and, defineRead, sql, type Sql } from '#storage';
import type { ConflictKind, Resolution } from './conflict.events.js';
import type { MemoryRef } from './memory.events.js';
import { inNamespace } from './memory.filter.js';

export interface Conflict {
  id: string;
  kind: ConflictKind;
  status: 'open' | 'resolved';
  namespace: string;
  /** Newest first. */
  members: MemoryRef[];
  reason: string;
  strategy: Resolution | null;
  result: MemoryRef | null;
  detected_at: string;
  resolved_at: string | null;
  resolved_by: string | null;
}

interface ConflictRow extends Omit<Conflict, 'members' | 'result'> {
  position: number;
  members: string;
  result: string | null;
}

const COLUMNS = sql`id AS position, conflict_id AS id, kind, status, namespace, members, reason, strategy, result,
    detected_at, resolved_at, resolved_by`;

/** What a conflict names: whose it is, its members, and what came of it. */
const named = sql`(SELECT memory_conflicts.namespace AS namespace
    UNION ALL SELECT j.value ->> 'namespace' FROM json_each(members) j
    UNION ALL SELECT result ->> 'namespace' WHERE result IS NOT NULL)`;

export interface ConflictsInput {
  /** Whole segments. */
  namespace_prefix?: string;
  status?: 'open' | 'resolved';
  kind?: ConflictKind;
  limit: number;
  cursor?: string;
  /** Only those of which somebody sees all that they name. */
  visible?: Visibility;
}

/** Conflicts by filter, the last found first. */
export const conflictsPage = defineRead('conflicts.page', (db, input: ConflictsInput): Page<Conflict> => {
  const { limit, cursor, namespace_prefix, status, kind, visible } = input;
  const list = ['conflicts', namespace_prefix, status, kind, ...(visible === undefined ? [] : [visible])];
  const [last] = decodeCursor<[number]>(list, cursor) ?? [];
  const conditions = [];
  if (visible !== undefined) conditions.push(seesAll(visible));
  if (namespace_prefix !== undefined) conditions.push(inNamespace(namespace_prefix));
  if (status !== undefined) conditions.push(sql`status = ${status}`);
  if (kind !== undefined) conditions.push(sql`kind = ${kind}`);
  if (last !== undefined) conditions.push(sql`id < ${last}`);
  const rows = db.all<ConflictRow>(
    sql`SELECT ${COLUMNS} FROM memory_conflicts WHERE ${and(conditions)} ORDER BY position DESC LIMIT ${limit + 1}`,
  );
  return toPage(list, rows, limit, ({ position }) => [position], toConflict);
});

export const conflictById = defineRead('conflicts.by-id', (db, id: string): Conflict => {
  const row = db.one<ConflictRow>(sql`SELECT ${COLUMNS} FROM memory_conflicts WHERE conflict_id = ${id}`);
  if (row === undefined) throw notFound('conflict', id);
  return toConflict(row);
});

/** The namespaces that a conflict names; none where there is no such conflict. */
export const conflictNamespaces = defineRead('conflicts.namespaces', (db, id: string): string[] => {
  const row = db.one<ConflictRow>(sql`SELECT ${COLUMNS} FROM memory_conflicts WHERE conflict_id = ${id}`);
  if (row === undefined) return [];
  const { namespace, members, result } = toConflict(row);
  return [namespace, ...[...members, ...(result === null ? [] : [result])].map((member) => member.namespace)];
});

/** Which of these need no further look: settled by somebody, and not closed because they were none for a while. */
export const settledConflicts = defineRead('conflicts.settled', (db, ids: string[]): string[] =>
  db
    .all<{ id: string }>(
      sql`SELECT conflict_id AS id FROM memory_conflicts
          WHERE conflict_id IN (SELECT value FROM json_each(${JSON.stringify(ids)}))
            AND status = 'resolved' AND strategy <> 'outdated'`,
    )
    .map(({ id }) => id),
);

/** Open conflicts of which a member has been written, deleted or set aside since. */
export const outdatedConflicts = defineRead(
  'conflicts.outdated',
  (db, { namespace_prefix, limit }: { namespace_prefix?: string; limit: number }): Conflict[] => {
    const conditions = [sql`status = 'open'`];
    if (namespace_prefix !== undefined) conditions.push(inNamespace(namespace_prefix));
    // Of concurrent writes, the version that was written over is a member, too: what counts is the newest, the first one.
    return db
      .all<ConflictRow>(
        sql`SELECT ${COLUMNS} FROM memory_conflicts WHERE ${and(conditions)}
            AND EXISTS (
              SELECT 1 FROM json_each(members) j
              WHERE (kind <> 'concurrent_writes' OR j.key = 0) AND NOT EXISTS (
                SELECT 1 FROM memory_entries m
                WHERE m.namespace = j.value ->> 'namespace' AND m.key = j.value ->> 'key' AND m.version = j.value ->> 'version'
                  AND m.replaced_at IS NULL AND m.is_deleted = 0 AND m.consolidated_into IS NULL))
            ORDER BY position LIMIT ${limit}`,
      )
      .map(toConflict);
  },
);

export const conflictReads = [conflictsPage, conflictById, conflictNamespaces, settledConflicts, outdatedConflicts];

const seesAll = (visible: Visibility): Sql =>
  sql`NOT EXISTS (SELECT 1 FROM ${named} n WHERE NOT ${seesNamespace(visible, 'n.namespace')})`;

const toConflict = ({ position: _, members, result, ...row }: ConflictRow): Conflict => ({
  ...row,
  members: JSON.parse(members) as MemoryRef[],
  result: result === null ? null : (JSON.parse(result) as MemoryRef),
});
