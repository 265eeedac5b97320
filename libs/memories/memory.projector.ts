import { canonicalJson, type DomainEvent, type Recorded } from '#kernel';
import { projector } from '#projections';
import { sql, type Sql } from '#storage';
import type { MemoryDeleted, MemoryEvent, MemoryExpired, MemoryRef, MemoryWritten } from './memory.events.js';
import type { QuarantineEvent } from './quarantine.events.js';

/** A deleted session is let go of: its memories stay. */
type SessionDeleted = DomainEvent<'SessionDeleted', { session_id: string }>;

/** Tables `memory_entries`, `memory_deletions`, `memory_marks`, `quarantines` and `memory_quarantines`. */
export const memoriesProjector = projector<MemoryEvent | QuarantineEvent | SessionDeleted>('memories', {
  mode: 'inline',
  tables: ['memory_entries', 'memory_deletions', 'memory_marks', 'quarantines', 'memory_quarantines'],
  on: {
    MemoryWritten: (event) => {
      const { data, position, time, actor } = event;
      const { namespace, key, version } = data;
      const insert = sql`INSERT INTO memory_entries (id, namespace, key, version, memory_type, value, metadata,
            created_by, updated_by, created_at, updated_at, expires_at, task_id, session_id, published_from,
            consolidated_from, seen_version)
          VALUES (${position}, ${namespace}, ${key}, ${version}, ${data.memory_type}, ${canonicalJson(data.value)},
            ${canonicalJson(data.metadata)}, ${actor}, ${actor}, ${time}, ${time}, ${data.expires_at}, ${data.task_id},
            ${data.session_id}, ${data.published_from ? canonicalJson(data.published_from) : null},
            ${data.consolidated_from ? canonicalJson(data.consolidated_from) : null}, ${data.seen ?? null})`;
      if (version === 1) return [insert, ...inQuarantine(event)];
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
        ...inQuarantine(event),
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

    QuarantineImposed: ({ data: { quarantine_id, source, reason, entries }, position, time, actor }) => [
      sql`INSERT INTO quarantines (id, quarantine_id, session_id, actor, key_id, from_time, to_time, correlation_id,
            reason, imposed_by, imposed_at)
          VALUES (${position}, ${quarantine_id}, ${source.session_id ?? null}, ${source.actor ?? null},
            ${source.key ?? null}, ${source.from ?? null}, ${source.to ?? null}, ${source.correlation_id ?? null},
            ${reason}, ${actor}, ${time})`,
      sql`INSERT INTO memory_quarantines (quarantine, entry_id)
          SELECT ${position}, m.id FROM json_each(${canonicalJson(entries)}) r
            JOIN memory_entries m ON m.id >= r.value ->> 0 AND m.id <= r.value ->> 1 ORDER BY m.id`,
      sql`UPDATE memory_entries SET is_quarantined = 1
          WHERE id IN (SELECT entry_id FROM memory_quarantines WHERE quarantine = ${position})`,
    ],

    QuarantineLifted: ({ data: { quarantine_id }, time, actor }) => [
      sql`UPDATE quarantines SET lifted_at = ${time}, lifted_by = ${actor} WHERE quarantine_id = ${quarantine_id}`,
      // What another quarantine holds stays in it.
      sql`UPDATE memory_entries SET is_quarantined = 0
          WHERE id IN (SELECT entry_id FROM memory_quarantines
                       WHERE quarantine = (SELECT id FROM quarantines WHERE quarantine_id = ${quarantine_id}))
            AND NOT EXISTS (SELECT 1 FROM memory_quarantines k JOIN quarantines q ON q.id = k.quarantine
                            WHERE k.entry_id = memory_entries.id AND q.lifted_at IS NULL)`,
    ],

    SessionDeleted: ({ data: { session_id } }) => [
      sql`UPDATE memory_entries SET session_id = NULL WHERE session_id = ${session_id}`,
    ],
  },
});

/** What is written while a quarantine stands, and comes from where that says, is in it from the first moment on. */
const inQuarantine = ({ data, position, time, actor, correlation_id }: Recorded<MemoryWritten>): Sql[] => [
  sql`INSERT INTO memory_quarantines (quarantine, entry_id) SELECT q.id, ${position} FROM quarantines q
      WHERE q.lifted_at IS NULL
        AND (q.session_id IS NULL OR q.session_id = ${data.session_id}
             OR substr(${`${data.namespace}:`}, 1, length(q.session_id) + 9) = 'session:' || q.session_id || ':')
        AND (q.actor IS NULL OR q.actor = ${actor})
        AND (q.key_id IS NULL OR ${actor} IN ('agent:' || q.key_id, 'service:' || q.key_id, 'operator:' || q.key_id))
        AND (q.from_time IS NULL OR q.from_time <= ${time}) AND (q.to_time IS NULL OR q.to_time >= ${time})
        AND (q.correlation_id IS NULL OR q.correlation_id = ${correlation_id})`,
  sql`UPDATE memory_entries SET is_quarantined = 1
      WHERE id = ${position} AND EXISTS (SELECT 1 FROM memory_quarantines WHERE entry_id = ${position})`,
];

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
