import { canonicalJson } from '#kernel';
import { projector } from '#projections';
import { sql } from '#storage';
import type { ErasureEvent } from './erasure.events.js';

/** Tables `erasures` and `erasure_ranges`: what the log has been told to forget. */
export const erasuresProjector = projector<ErasureEvent>('erasures', {
  mode: 'inline',
  tables: ['erasures', 'erasure_ranges'],
  on: {
    SubjectErased: ({ data, position }) => [
      sql`INSERT INTO erasures (id, erasure_id, subject_kind, subject_ref, reason, requested_by, requested_at, entries,
            counts)
          VALUES (${position}, ${data.erasure_id}, ${data.subject_kind}, ${data.subject_ref}, ${data.reason},
            ${data.requested_by}, ${data.requested_at}, ${data.entries}, ${canonicalJson(data.counts)})`,
      sql`INSERT INTO erasure_ranges (erasure, first_position, last_position, first_hash, last_hash)
          SELECT ${position}, value ->> 0, value ->> 1, value ->> 2, value ->> 3
          FROM json_each(${canonicalJson(data.ranges)}) ORDER BY key`,
    ],
    ErasureCompleted: ({ data, time, position }) => [
      sql`UPDATE erasures SET completed_at = ${time}, completed_position = ${position}, result = ${canonicalJson(data.result)}
          WHERE erasure_id = ${data.erasure_id}`,
    ],
  },
});
