import { canonicalJson, type DomainEvent, type Recorded } from '#kernel';
import { projector } from '#projections';
import { sql, type Sql } from '#storage';
import type { MemoryDeleted, MemoryEvent, MemoryExpired, MemoryRef } from './memory.events.js';

/** A deleted session is let go of: its memories stay. */
type SessionDeleted = DomainEvent<'SessionDeleted', { session_id: string }>;

/** Tables `memory_entries`, `memory_deletions` and `memory_marks`. */
export const memoriesProjector = projector<MemoryEvent | SessionDeleted>('memories', {
  mode: 'inline',
  tables: ['memory_entries', 'memory_deletions', 'memory_marks'],
  on: {
    MemoryWritten: ({ data, position, time, actor }) => {
      const { namespace, key, version } = data;
      const insert = sql`INSERT INTO memory_entries (id, namespace, key, version, memory_type, value, metadata,
            created_by, updated_by, created_at, updated_at, expires_at, task_id, session_id, published_from,
            consolidated_from, seen_version)
          VALUES (${position}, ${namespace}, ${key}, ${version}, ${data.memory_type}, ${canonicalJson(data.value)},
            ${canonicalJson(data.metadata)}, ${actor}, ${actor}, ${time}, ${time}, ${data.expires_at}, ${data.task_id},
            ${data.session_id}, ${data.published_from ? canonicalJson(data.published_from) : null},
            ${data.consolidated_from ? canonicalJson(data.consolidated_from) : null}, ${data.seen ?? null})`;
      if (version === 1) return [insert];
      return [
        // Whoever writes has looked: what was to be reviewed is not what the memory says any more.
        sql`UPDATE memory_entries SET replaced_at = ${position}, requires_review = 0
            WHERE namespace = ${namespace} AND key = ${key} AND version = ${version - 1}`,
        endMarks({ namespace, key, version: version - 1 }, position, "mark = 'review'"),
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
      sql`UPDATE memory_entries SET is_deleted = 0, consolidated_into = NULL, is_archived = 0
          WHERE namespace = ${namespace} AND key = ${key} AND version = ${version}`,
      sql`UPDATE memory_deletions SET restored_at = ${position}
          WHERE namespace = ${namespace} AND key = ${key} AND restored_at IS NULL`,
      endMarks({ namespace, key, version }, position, "mark <> 'review'"),
    ],

    MemorySuperseded: ({ data: { into, ...ref }, position }) => [
      sql`UPDATE memory_entries SET consolidated_into = (SELECT id FROM memory_entries WHERE ${isVersion(into)})
          WHERE ${isVersion(ref)}`,
      sql`INSERT INTO memory_marks (id, entry_id, mark, into_id)
          SELECT ${position}, id, 'superseded', consolidated_into FROM memory_entries WHERE ${isVersion(ref)}`,
    ],

    MemoryArchived: ({ data, position }) => [
      sql`UPDATE memory_entries SET is_archived = 1 WHERE ${isVersion(data)}`,
      sql`INSERT INTO memory_marks (id, entry_id, mark)
          SELECT ${position}, id, 'archived' FROM memory_entries WHERE ${isVersion(data)}`,
    ],

    MemoryFlagged: ({ data, position }) => [
      sql`UPDATE memory_entries SET requires_review = 1 WHERE ${isVersion(data)}`,
      // Two conflicts about one version are one mark.
      sql`INSERT INTO memory_marks (id, entry_id, mark)
          SELECT ${position}, m.id, 'review' FROM memory_entries m WHERE ${isVersion(data)}
            AND NOT EXISTS (SELECT 1 FROM memory_marks k
                            WHERE k.entry_id = m.id AND k.mark = 'review' AND k.ended_at IS NULL)`,
    ],

    MemoryReviewed: ({ data, position }) =>
      data.flags_left > 0
        ? []
        : [
            sql`UPDATE memory_entries SET requires_review = 0 WHERE ${isVersion(data)}`,
            endMarks(data, position, "mark = 'review'"),
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

const isVersion = ({ namespace, key, version }: MemoryRef): Sql =>
  sql`namespace = ${namespace} AND key = ${key} AND version = ${version}`;

/** Takes marks off a version. */
const endMarks = (ref: MemoryRef, position: number, which: string): Sql =>
  sql`UPDATE memory_marks SET ended_at = ${position}
      WHERE entry_id = (SELECT id FROM memory_entries WHERE ${isVersion(ref)}) AND ended_at IS NULL
        AND ${{ text: which, params: [] }}`;
