import { canonicalJson, type DomainEvent, type Recorded } from '#kernel';
import { projector } from '#projections';
import { sql, type Sql } from '#storage';
import type { MemoryDeleted, MemoryEvent, MemoryExpired } from './memory.events.js';

/** A deleted session is let go of: its memories stay. */
type SessionDeleted = DomainEvent<'SessionDeleted', { session_id: string }>;

/** Tables `memory_entries` and `memory_deletions`. */
export const memoriesProjector = projector<MemoryEvent | SessionDeleted>('memories', {
  mode: 'inline',
  tables: ['memory_entries', 'memory_deletions'],
  on: {
    MemoryWritten: ({ data, position, time, actor }) => {
      const { namespace, key, version } = data;
      const insert = sql`INSERT INTO memory_entries (id, namespace, key, version, memory_type, value, metadata,
            created_by, updated_by, created_at, updated_at, expires_at, task_id, session_id, published_from)
          VALUES (${position}, ${namespace}, ${key}, ${version}, ${data.memory_type}, ${canonicalJson(data.value)},
            ${canonicalJson(data.metadata)}, ${actor}, ${actor}, ${time}, ${time}, ${data.expires_at}, ${data.task_id},
            ${data.session_id}, ${data.published_from ? canonicalJson(data.published_from) : null})`;
      if (version === 1) return [insert];
      return [
        sql`UPDATE memory_entries SET replaced_at = ${position}
            WHERE namespace = ${namespace} AND key = ${key} AND version = ${version - 1}`,
        sql`UPDATE memory_deletions SET restored_at = ${position}
            WHERE namespace = ${namespace} AND key = ${key} AND restored_at IS NULL`,
        insert,
        sql`UPDATE memory_entries SET (created_by, created_at) =
              (SELECT created_by, created_at FROM memory_entries WHERE namespace = ${namespace} AND key = ${key} AND version = 1)
            WHERE id = ${position}`,
      ];
    },

    MemoryDeleted: gone,
    MemoryExpired: gone,

    MemoryRestored: ({ data: { namespace, key, version }, position }) => [
      sql`UPDATE memory_entries SET is_deleted = 0
          WHERE namespace = ${namespace} AND key = ${key} AND version = ${version}`,
      sql`UPDATE memory_deletions SET restored_at = ${position}
          WHERE namespace = ${namespace} AND key = ${key} AND restored_at IS NULL`,
    ],

    SessionDeleted: ({ data: { session_id } }) => [
      sql`UPDATE memory_entries SET session_id = NULL WHERE session_id = ${session_id}`,
    ],
  },
});

function gone({ data: { namespace, key, version }, position }: Recorded<MemoryDeleted | MemoryExpired>): Sql[] {
  return [
    sql`UPDATE memory_entries SET is_deleted = 1
        WHERE namespace = ${namespace} AND key = ${key} AND version = ${version}`,
    sql`INSERT INTO memory_deletions (id, namespace, key) VALUES (${position}, ${namespace}, ${key})`,
  ];
}
