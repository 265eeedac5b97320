import type { JsonObject } from '#kernel';
import { sql, type Sql } from '#storage';
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
export interface MemoryRow {
  memory: string;
}

/** What is told by columns for now, by intervals for the past. */
export interface Standing {
  isDeleted: Sql;
  into: Sql;
  isArchived: Sql;
  requiresReview: Sql;
}

export const memoryJson = ({
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

export const NOT: Sql = { text: '0', params: [] };
/** What has ended by `now` is gone, whether or not that has become an event yet. */
const standingNow = (now: string): Standing => ({
  isDeleted: sql`is_deleted OR (replaced_at IS NULL AND coalesce(expires_at <= ${now}, 0))`,
  into: sql`consolidated_into`,
  isArchived: sql`is_archived`,
  requiresReview: sql`requires_review`,
});
export const memoryNow = (now: string): Sql => memoryJson(standingNow(now));

export const memoryJsonAt = (asOf: number | undefined, now: string): Sql =>
  asOf === undefined ? memoryNow(now) : memoryAsOf(asOf, now);

/** Whether a memory was deleted at a position is told by its deletions, not by the flag, which tells of now. */
export const memoryAsOf = (asOf: number, now: string): Sql =>
  memoryJson({
    isDeleted: sql`${deletedAt(asOf)} OR ((replaced_at IS NULL OR replaced_at > ${asOf}) AND coalesce(expires_at <= ${now}, 0))`,
    into: sql`(SELECT k.into_id FROM memory_marks k WHERE k.mark = 'superseded' AND ${markedAt(asOf)})`,
    isArchived: sql`EXISTS (SELECT 1 FROM memory_marks k WHERE k.mark = 'archived' AND ${markedAt(asOf)})`,
    requiresReview: sql`EXISTS (SELECT 1 FROM memory_marks k WHERE k.mark = 'review' AND ${markedAt(asOf)})`,
  });

export const deletedAt = (asOf: number): Sql =>
  sql`EXISTS (SELECT 1 FROM memory_deletions d WHERE d.namespace = m.namespace AND d.key = m.key
                AND d.id <= ${asOf} AND (d.restored_at IS NULL OR d.restored_at > ${asOf}))`;
export const markedAt = (asOf: number): Sql =>
  sql`k.entry_id = m.id AND k.id <= ${asOf} AND (k.ended_at IS NULL OR k.ended_at > ${asOf})`;

export const toMemory = ({ memory }: MemoryRow): Memory => JSON.parse(memory) as Memory;
export const asIs = (memory: Memory): Memory => memory;
