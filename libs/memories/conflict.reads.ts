import { decodeCursor, notFound, toPage, type Page } from '#kernel';
import { and, defineRead, sql } from '#storage';
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

export interface ConflictsInput {
  /** Whole segments. */
  namespace_prefix?: string;
  status?: 'open' | 'resolved';
  kind?: ConflictKind;
  limit: number;
  cursor?: string;
}

/** Conflicts by filter, the last found first. */
export const conflictsPage = defineRead('conflicts.page', (db, input: ConflictsInput): Page<Conflict> => {
  const { limit, cursor, namespace_prefix, status, kind } = input;
  const list = ['conflicts', namespace_prefix, status, kind];
  const [last] = decodeCursor<[number]>(list, cursor) ?? [];
  const conditions = [];
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

export const conflictReads = [conflictsPage, conflictById, settledConflicts, outdatedConflicts];

const toConflict = ({ position: _, members, result, ...row }: ConflictRow): Conflict => ({
  ...row,
  members: JSON.parse(members) as MemoryRef[],
  result: result === null ? null : (JSON.parse(result) as MemoryRef),
});
