import { sql, type Reader } from '#storage';
import { MODEL_STRIDE, type EmbeddingModel } from './vector-store.js';

/** Sign codes of entries by their position, where they have one: what is alike in meaning is alike in most bits. */
export function codesOf(db: Reader, { id: model }: EmbeddingModel, entries: number[]): Map<number, Buffer> {
  const rows = db.all<{ id: number; code: Buffer }>(
    sql`SELECT e.id, c.code FROM search_entries e JOIN embedding_codes c ON c.id = ${model * MODEL_STRIDE} + e.text_id
        WHERE e.id IN (SELECT value FROM json_each(${JSON.stringify(entries)}))`,
  );
  return new Map(rows.map(({ id, code }) => [id, code]));
}

/** Cosine of two entries; 0 where one of them has no vector yet. */
export function cosineOf(db: Reader, { id: model }: EmbeddingModel, one: number, other: number): number {
  const base = model * MODEL_STRIDE;
  const row = db.one<{ distance: number }>(
    sql`SELECT vec_distance_cosine(a.vector, b.vector) AS distance
        FROM search_entries one JOIN document_embeddings_data a ON a.id = ${base} + one.text_id,
             search_entries other JOIN document_embeddings_data b ON b.id = ${base} + other.text_id
        WHERE one.id = ${one} AND other.id = ${other}`,
  );
  return row === undefined ? 0 : 1 - row.distance;
}
