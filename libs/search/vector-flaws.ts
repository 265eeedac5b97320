import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { sql, type Reader } from '#storage';
import { CODE_VERSION, signCode } from './vector-code.js';
import { bytes, COARSE_BYTES, MODEL_STRIDE } from './vector-store.js';

/** Something in the tables of vectors that does not fit what it was made from. */
export interface VectorFlaw {
  table: string;
  row: string;
  what: string;
}

/** How far from one the length of a stored vector may be: it was scaled to one, in 32-bit floats. */
const LENGTH_ERROR = 1e-5;

/**
 * Holds every text against its hash, every code against its vector, and what sqlite-vec keeps against the codes: SQLite's
 * integrity_check does not look into a virtual table's meaning. Returns how many rows it has looked at.
 */
export function* vectorFlaws(db: Reader): Generator<VectorFlaw, number> {
  let looked = 0;
  for (const { id, text, text_sha256 } of db.iterate<{ id: number; text: string; text_sha256: Buffer }>(
    sql`SELECT id, text, text_sha256 FROM search_texts ORDER BY id`,
  )) {
    looked += 1;
    if (!createHash('sha256').update(text).digest().equals(text_sha256)) {
      yield { table: 'search_texts', row: String(id), what: 'the text is not the one of its hash' };
    }
  }
  const dimensions = new Map<number, number>();
  for (const model of db.all<{ id: number; dimensions: number; code_version: number; counted: number; there: number }>(
    sql`SELECT id, dimensions, code_version, vector_count AS counted,
               (SELECT count(*) FROM document_embeddings_data d WHERE d.model_id = m.id) AS there
        FROM embedding_models m`,
  )) {
    looked += 1;
    dimensions.set(model.id, model.dimensions);
    const row = String(model.id);
    if (model.counted !== model.there)
      yield { table: 'embedding_models', row, what: `counts ${model.counted} vectors, ${model.there} are there` };
    if (model.code_version > CODE_VERSION)
      yield { table: 'embedding_models', row, what: `has codes of version ${model.code_version}` };
  }
  looked += yield* checkCodes(db, dimensions);
  looked += yield* checkNearest(db);
  return looked;
}

interface Stored {
  id: number;
  model_id: number;
  dimensions: number;
  text_sha256: Buffer;
  vector: Buffer;
  crc32: number | null;
  code: Buffer | null;
  hash: Buffer | null;
}

function* checkCodes(db: Reader, dimensions: Map<number, number>): Generator<VectorFlaw, number> {
  let looked = 0;
  for (const stored of db.iterate<Stored>(
    sql`SELECT d.id, d.model_id, d.dimensions, d.text_sha256, d.vector, d.crc32, c.code, t.text_sha256 AS hash
        FROM document_embeddings_data d LEFT JOIN embedding_codes c ON c.id = d.id
             LEFT JOIN search_texts t ON t.id = d.id % 1099511627776 ORDER BY d.id`,
  )) {
    looked += 1;
    for (const what of flawsOf(stored, dimensions))
      yield { table: 'document_embeddings_data', row: String(stored.id), what };
  }
  const [{ orphans }] = db.all<{ orphans: number }>(
    sql`SELECT count(*) AS orphans FROM embedding_codes c WHERE NOT EXISTS (SELECT 1 FROM document_embeddings_data d WHERE d.id = c.id)`,
  ) as [{ orphans: number }];
  if (orphans > 0) yield { table: 'embedding_codes', row: '', what: `${orphans} codes have no vector` };
  return looked;
}

function* flawsOf(
  { id, model_id, vector, code, hash, ...row }: Stored,
  dimensions: Map<number, number>,
): Iterable<string> {
  if (Math.floor(id / MODEL_STRIDE) !== model_id) yield 'belongs to another model than its id says';
  if (row.dimensions !== dimensions.get(model_id)) yield 'has not the dimensions of its model';
  if (hash === null || !hash.equals(row.text_sha256)) yield 'is not of the text that its id names';
  const floats = new Float32Array(new Uint8Array(vector).buffer);
  const square = floats.reduce((sum, x) => sum + x * x, 0);
  if (row.crc32 !== null && row.crc32 !== crc32(vector)) yield 'has another vector than its checksum says';
  if (!(Math.abs(square - 1) < LENGTH_ERROR)) yield 'is not of length one';
  else if (code === null || !bytes(signCode(floats)).equals(code)) yield 'has another code than it should';
}

interface Chunk {
  chunk_id: number;
  size: number;
  model_id: number;
  validity: Buffer;
  rowids: Buffer;
  vectors: Buffer;
}

/** sqlite-vec's table, as it is stored: chunks of codes, which of their places are taken, and by whom. */
function* checkNearest(db: Reader): Generator<VectorFlaw, number> {
  const table = 'document_embeddings';
  let looked = 0;
  for (const chunk of db.iterate<Chunk>(
    sql`SELECT c.chunk_id, c.size, c.partition00 AS model_id, c.validity, c.rowids, v.vectors
        FROM document_embeddings_chunks c JOIN document_embeddings_vector_chunks00 v ON v.rowid = c.chunk_id ORDER BY c.chunk_id`,
  )) {
    const places = new Map(
      db
        .all<{ place: number; id: number; code: Buffer | null }>(
          sql`SELECT r.chunk_offset AS place, r.rowid AS id, c.code FROM document_embeddings_rowids r
              LEFT JOIN embedding_codes c ON c.id = r.rowid WHERE r.chunk_id = ${chunk.chunk_id}`,
        )
        .map((row) => [row.place, row]),
    );
    for (let place = 0; place < chunk.size; place++) {
      const taken = ((chunk.validity[place >> 3] ?? 0) & (1 << (place & 7))) !== 0;
      const row = places.get(place);
      if (taken !== (row !== undefined)) {
        yield {
          table,
          row: `${chunk.chunk_id}/${place}`,
          what: taken ? 'is taken by nobody' : 'is free, but somebody is there',
        };
      }
      const code = chunk.vectors.subarray(place * COARSE_BYTES, (place + 1) * COARSE_BYTES);
      if (row === undefined) {
        // sqlite-vec empties the place of what was deleted.
        if (chunk.rowids.readBigInt64LE(place * 8) !== 0n || code.some((byte) => byte !== 0)) {
          yield { table, row: `${chunk.chunk_id}/${place}`, what: 'is free, but not empty' };
        }
        continue;
      }
      looked += 1;
      places.delete(place);
      if (
        Number(chunk.rowids.readBigInt64LE(place * 8)) !== row.id ||
        Math.floor(row.id / MODEL_STRIDE) !== chunk.model_id
      ) {
        yield { table, row: String(row.id), what: 'is filed under another id or model' };
      } else if (row.code === null || !code.equals(row.code.subarray(0, COARSE_BYTES))) {
        yield { table, row: String(row.id), what: 'has another code than embedding_codes' };
      }
    }
    for (const { id } of places.values()) yield { table, row: String(id), what: 'lies outside of its chunk' };
  }
  const { codes, filed } = db.one<{ codes: number; filed: number }>(
    sql`SELECT (SELECT count(*) FROM embedding_codes) AS codes, (SELECT count(*) FROM document_embeddings_rowids) AS filed`,
  )!;
  if (codes !== filed || filed !== looked) {
    yield { table, row: '', what: `${codes} codes, ${filed} of them are filed, ${looked} can be found` };
  }
  return looked;
}
