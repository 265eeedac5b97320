import { canonicalJson } from '#kernel';
import { projector } from '#projections';
import { sql } from '#storage';
import type { ConflictEvent } from './conflict.events.js';

/** Table `memory_conflicts`. */
export const conflictsProjector = projector<ConflictEvent>('memory-conflicts', {
  mode: 'inline',
  tables: ['memory_conflicts'],
  on: {
    ConflictDetected: ({ data: { conflict_id, kind, namespace, members, reason }, position, time }) => [
      sql`INSERT INTO memory_conflicts (id, conflict_id, kind, namespace, members, reason, detected_at)
          VALUES (${position}, ${conflict_id}, ${kind}, ${namespace}, ${canonicalJson(members)}, ${reason}, ${time})`,
    ],
    ConflictResolved: ({ data: { conflict_id, strategy, result }, time, actor }) => [
      sql`UPDATE memory_conflicts SET status = 'resolved', strategy = ${strategy}, resolved_at = ${time},
            resolved_by = ${actor}, result = ${result === null ? null : canonicalJson(result)}
          WHERE conflict_id = ${conflict_id}`,
    ],
    ConflictReopened: ({ data: { conflict_id } }) => [
      sql`UPDATE memory_conflicts SET status = 'open', strategy = NULL, resolved_at = NULL, resolved_by = NULL, result = NULL
          WHERE conflict_id = ${conflict_id}`,
    ],
  },
});
