import { crc32 } from 'node:zlib';
import { sql, type Database, type Reader } from '#storage';
import { CODE_VERSION, COARSE_BITS, signCode } from './vector-code.js';

/**
 * Tables that are a cache: filled as needed, keyed by content, owned by no projector. A rebuild leaves them alone; losing
 * them costs embedding everything again, and nothing else.
 */
export const CACHE_TABLES = [
  'search_texts',
  'embedding_models',
  'document_embeddings_data',
  'embedding_codes',
  'document_embeddings',
  'embedding_failures',
];

/** A model that has vectors here. */
export interface EmbeddingModel {
  id: number;
  name: string;
  dimensions: number;
}

/** One vector has one id in all tables: model_id * 2^40 + text_id, below 2^53, so a plain number. */
export const MODEL_STRIDE = 2 ** 40;
export const COARSE_BYTES = COARSE_BITS / 8;

export function findModel(db: Reader, name: string, dimensions: number): EmbeddingModel | undefined {
  return db.one<EmbeddingModel>(
    sql`SELECT id, name, dimensions FROM embedding_models
        WHERE name = ${name} AND dimensions = ${dimensions} AND code_version = ${CODE_VERSION}`,
  );
}

/** The model of that name and size, registered at its first use. */
export function registerModel(db: Database, name: string, dimensions: number): EmbeddingModel {
  db.run(
    sql`INSERT INTO embedding_models (name, dimensions, code_version) VALUES (${name}, ${dimensions}, ${CODE_VERSION})
        ON CONFLICT DO NOTHING`,
  );
  const model = findModel(db, name, dimensions);
  if (model === undefined)
    throw new Error(`Codes of ${name} were made by another version of this program: rebuild them`);
  return model;
}

export interface MissingText {
  id: number;
  text: string;
}

export interface Backlog {
  texts: MissingText[];
  /** Since when the oldest of them waits, ISO-8601 UTC. */
  since: string | null;
  /** The newest text there is: with fewer texts here than asked for, none up to it is missing after these. */
  last: number;
}

/** Texts after one that have no vector of this model and are not parked, and parked ones that are to be tried again. */
export function missingTexts(db: Reader, model: EmbeddingModel, limit: number, after: number): Backlog {
  const base = model.id * MODEL_STRIDE;
  const { last } = db.one<{ last: number }>(sql`SELECT coalesce(max(id), 0) AS last FROM search_texts`)!;
  const retried = db.all<MissingText>(
    sql`SELECT t.id, t.text FROM embedding_failures f JOIN search_texts t ON t.id = f.id - ${base}
        WHERE f.retry = 1 AND f.id > ${base} AND f.id < ${base + MODEL_STRIDE} ORDER BY f.id LIMIT ${limit}`,
  );
  const fresh = db.all<MissingText>(
    sql`SELECT t.id, t.text FROM search_texts t
        WHERE t.id > ${after}
          AND NOT EXISTS (SELECT 1 FROM embedding_codes c WHERE c.id = ${base} + t.id)
          AND NOT EXISTS (SELECT 1 FROM embedding_failures f WHERE f.id = ${base} + t.id)
          AND EXISTS (SELECT 1 FROM search_entries e WHERE e.text_id = t.id)
        ORDER BY t.id LIMIT ${limit - retried.length}`,
  );
  const oldest = fresh[0];
  const since =
    oldest &&
    db.one<{ time: string }>(
      sql`SELECT timestamp AS time FROM audit
          WHERE position = (SELECT min(e.id) FROM search_entries e WHERE e.text_id = ${oldest.id} AND e.source = 'memory')`,
    )?.time;
  return { texts: [...retried, ...fresh], since: since ?? null, last };
}

/**
 * Keeps the vector of a text; the same text again changes nothing, nor does one that is another text by now. Inside the
 * writer's transaction.
 */
export function storeVector(
  db: Database,
  model: EmbeddingModel,
  textId: number,
  vector: Float32Array,
  sha256?: string,
): boolean {
  const unit = unitVector(model, vector);
  const id = model.id * MODEL_STRIDE + textId;
  const { changes } = db.run(
    sql`INSERT INTO document_embeddings_data (id, model_id, text_sha256, dimensions, vector, crc32)
        SELECT ${id}, ${model.id}, text_sha256, ${model.dimensions}, ${bytes(unit)}, ${crc32(bytes(unit))}
        FROM search_texts WHERE id = ${textId} AND (${sha256 ?? null} IS NULL OR lower(hex(text_sha256)) = ${sha256 ?? null})
        ON CONFLICT DO NOTHING`,
  );
  if (changes === 0) return false;
  const code = bytes(signCode(unit));
  db.run(sql`INSERT INTO embedding_codes (id, code) VALUES (${id}, ${code})`);
  // vec0 takes integers only as BigInt: a JavaScript number is bound as REAL.
  db.run(
    sql`INSERT INTO document_embeddings (id, model_id, code)
        VALUES (${BigInt(id)}, ${BigInt(model.id)}, vec_bit(${code.subarray(0, COARSE_BYTES)}))`,
  );
  db.run(sql`UPDATE embedding_models SET vector_count = vector_count + 1 WHERE id = ${model.id}`);
  db.run(sql`DELETE FROM embedding_failures WHERE id = ${id}`);
  return true;
}

/** Parks a text that could not be embedded, with the reason. */
export function parkText(db: Database, model: EmbeddingModel, textId: number, reason: string, time: string): void {
  db.run(
    sql`INSERT INTO embedding_failures (id, attempts, reason, failed_at)
        SELECT ${model.id * MODEL_STRIDE + textId}, 1, ${reason}, ${time} FROM search_texts WHERE id = ${textId}
        ON CONFLICT (id) DO UPDATE SET attempts = attempts + 1, reason = excluded.reason,
          failed_at = excluded.failed_at, retry = 0`,
  );
}

/** Puts the parked texts of a model back into its backlog; returns how many. */
export function retryParked(db: Database, { id }: EmbeddingModel): number {
  const base = id * MODEL_STRIDE;
  return db.run(
    sql`UPDATE embedding_failures SET retry = 1 WHERE id > ${base} AND id < ${base + MODEL_STRIDE} AND retry = 0`,
  ).changes;
}

/** Forgets texts that nothing refers to any more, with their vectors. */
export function forgetUnusedTexts(db: Database): void {
  db.transaction(() => {
    const unused = sql`% 1099511627776 NOT IN (SELECT text_id FROM search_entries)`;
    db.run(sql`DELETE FROM embedding_codes WHERE id ${unused}`);
    db.run(sql`DELETE FROM document_embeddings_data WHERE id ${unused}`);
    db.run(sql`DELETE FROM embedding_failures WHERE id ${unused}`);
    db.run(sql`DELETE FROM search_texts WHERE id ${unused}`);
  });
  compactVectorIndex(db);
}

/** Makes vec0's table anew from the codes, in a file that nobody else has open: gives back the holes that deletes leave. */
function compactVectorIndex(db: Database): void {
  db.transaction(() => {
    const table = db.one<{ sql: string }>(sql`SELECT sql FROM sqlite_schema WHERE name = 'document_embeddings'`)!;
    db.exec(`DROP TABLE document_embeddings; ${table.sql}`);
    db.run(
      sql`INSERT INTO document_embeddings (id, model_id, code)
          SELECT id, id / 1099511627776, vec_bit(substr(code, 1, 128)) FROM embedding_codes ORDER BY id`,
    );
    db.run(
      sql`UPDATE embedding_models SET vector_count =
            (SELECT count(*) FROM embedding_codes c WHERE c.id / 1099511627776 = embedding_models.id)`,
    );
  });
}

/** The vector at length one; refuses what has no direction or the wrong size, so that no NaN ever reaches a ranking. */
export function unitVector({ name, dimensions }: EmbeddingModel, vector: Float32Array): Float32Array {
  if (vector.length !== dimensions) {
    throw new RangeError(`Model ${name} has ${dimensions} dimensions, the vector has ${vector.length}`);
  }
  let square = 0;
  for (const x of vector) square += x * x;
  if (!(square > 0) || !Number.isFinite(square)) throw new RangeError('A vector must be finite and not all zeros');
  const scale = 1 / Math.sqrt(square);
  return vector.map((x) => x * scale);
}

export const bytes = (array: Float32Array | Uint8Array): Buffer =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength);
