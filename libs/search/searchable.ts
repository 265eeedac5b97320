import { createHash } from 'node:crypto';
import type { Recorded } from '#kernel';
import { sql, type Sql } from '#storage';

/** What a feature says of an event: texts that can be found from now on, and subjects whose texts no longer can. */
export type Searchable = Record<string, (event: Recorded) => SearchChange[]>;

export type SearchChange =
  | { drop: string }
  /** What was dropped last can be found again. */
  | { revive: string }
  | {
      put: string;
      id: number;
      source: 'memory' | 'document';
      text: string;
      namespace?: string;
      memory_type?: string;
      /** What it was said in, and at which place in there. */
      sequence?: { name: string; place: number };
    };

/** Longest text that is embedded, in characters: models read no further. */
export const MAX_EMBEDDED = 8_000;

/** The SQL of a change. Texts are kept once for all entries that have them. */
export function toSql(change: SearchChange, position: number): Sql[] {
  if ('drop' in change) {
    return [
      sql`UPDATE search_entries SET to_position = ${position} WHERE subject = ${change.drop} AND to_position IS NULL`,
    ];
  }
  if ('revive' in change) {
    return [
      sql`UPDATE search_entries SET to_position = NULL WHERE subject = ${change.revive} AND to_position =
            (SELECT max(to_position) FROM search_entries WHERE subject = ${change.revive})`,
    ];
  }
  const text = change.text.slice(0, MAX_EMBEDDED).toWellFormed();
  if (text.trim() === '') return [];
  const digest = createHash('sha256').update(text).digest();
  const { put, id, source, namespace = null, memory_type = null, sequence } = change;
  return [
    sql`INSERT INTO search_texts (text_sha256, text) VALUES (${digest}, ${text}) ON CONFLICT DO NOTHING`,
    sql`INSERT INTO search_entries (id, source, subject, namespace, memory_type, text_id, sequence, place)
        SELECT ${id}, ${source}, ${put}, ${namespace}, ${memory_type}, id, ${sequence?.name ?? null}, ${sequence?.place ?? null}
        FROM search_texts WHERE text_sha256 = ${digest}`,
  ];
}
