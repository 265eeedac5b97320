import { defineRead, sql } from '#storage';
import type { MemoryRef, MemoryType } from './memory.events.js';

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
