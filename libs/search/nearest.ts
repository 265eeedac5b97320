import { sql, type Reader, type Sql } from '#storage';
import { COARSE_BITS, signCode } from './vector-code.js';
import { bytes, COARSE_BYTES, MODEL_STRIDE, unitVector, type EmbeddingModel } from './vector-store.js';

/**
 * Which entries mean nearly the same as a query. In three steps, all in SQL and all with the filter inside:
 *   1. near:  vectors whose sign code is close (Hamming), some hundreds of them;
 *   2. best:  their exact cosine from the stored float32 vectors, the k best;
 *   3. the entries that have those texts.
 * Step 1 knows two ways. `scan` reads the codes of exactly the entries that pass the filter: right for every filter, about
 * 1 µs an entry. `candidates` asks vec0 over the whole model and lets the filter choose among the answers: the same cost
 * however many pass, and perhaps too few; then `scan` answers. So a filter never empties a page that has matches, and
 * nothing is ever relaxed.
 */
export interface NearestQuery {
  model: EmbeddingModel;
  vector: Float32Array;
  /** Entries wanted. */
  k: number;
  /** Condition over `search_entries AS e`: who may be found. */
  where: Sql;
  /** How many entries pass, if at most so many: it decides whether they are scanned. Left out when nothing can tell. */
  passing?: (most: number) => number | undefined;
}

export interface Nearest {
  /** Most similar first. Fewer than k only if fewer entries pass the filter. */
  entries: { id: number; cosine: number }[];
  plan: 'empty' | 'scan' | 'candidates';
}

/** sqlite-vec refuses a larger k. */
const VEC0_MAX_K = 4096;
const SAMPLE_SIZE = 4096;
const WORDS_PER_CODE = COARSE_BITS / 32;
/** Below this a scan costs a few milliseconds at most, whatever the size of the index. */
const SMALL_SCAN = 3000;
/** vec0 looks at about this many codes in the time that a scan needs for one. */
const SCAN_COST = 8;

/** How many of n codes to rescore so that the k best are almost surely among them. */
export const candidateCount = (n: number, k: number): number =>
  Math.min(VEC0_MAX_K, Math.max(256, 16 * k, Math.ceil(2 * Math.sqrt(n))));

interface Search extends NearestQuery {
  unit: Buffer;
  code: Uint8Array;
  count: number;
}

interface NearRow {
  id: number;
  cosine: number;
  rescored: number;
}

export function nearest(db: Reader, query: NearestQuery): Nearest {
  const unit = unitVector(query.model, query.vector);
  const count =
    db.one<{ count: number }>(sql`SELECT vector_count AS count FROM embedding_models WHERE id = ${query.model.id}`)
      ?.count ?? 0;
  if (count === 0) return { entries: [], plan: 'empty' };
  const search: Search = { ...query, unit: bytes(unit), code: signCode(unit), count };
  const few = count <= SMALL_SCAN ? count : query.passing?.(Math.max(SMALL_SCAN, Math.floor(count / SCAN_COST)));
  if (few !== undefined) return scan(db, search, few);
  return candidates(db, search) ?? scan(db, search, count);
}

/** Every entry that passes, ranked by code; exact for the best. Complete by construction. */
function scan(db: Reader, search: Search, entries: number): Nearest {
  const base = BigInt(search.model.id * MODEL_STRIDE);
  const near = sql`SELECT c.id FROM embedding_codes c
      WHERE c.id IN (SELECT ${base} + e.text_id FROM search_entries e WHERE ${search.where})
      ORDER BY vec_distance_hamming(vec_bit(c.code), vec_bit(${bytes(search.code)}))
      LIMIT ${candidateCount(entries, search.k)}`;
  return { entries: rescore(db, search, near).map(toEntry), plan: 'scan' };
}

/** vec0's nearest codes, those with a passing entry kept; nothing when too few passed to be sure of the page. */
function candidates(db: Reader, search: Search): Nearest | undefined {
  const base = BigInt(search.model.id * MODEL_STRIDE);
  const coarse = bytes(search.code.subarray(0, COARSE_BYTES));
  let wanted = candidateCount(search.count, search.k);
  for (;;) {
    const radius = radiusOf(db, search, wanted);
    // Materialised: with the entries as the outer loop vec0 would search once for each of them.
    const near = sql`SELECT hit.id FROM (
        WITH found (id) AS MATERIALIZED (
          SELECT id FROM document_embeddings
          WHERE model_id = ${BigInt(search.model.id)} AND code MATCH vec_bit(${coarse})
            AND k = ${BigInt(Math.min(VEC0_MAX_K, 2 * wanted))} AND distance <= ${radius})
        SELECT id FROM found) AS hit
      WHERE EXISTS (SELECT 1 FROM search_entries e WHERE e.text_id = hit.id - ${base} AND ${search.where})`;
    const rows = rescore(db, search, near);
    const passed = rows[0]?.rescored ?? 0;
    // What a filter lets through is an index of its own, of about this size, and needs the candidates of that size.
    const needed = 0.75 * candidateCount(Math.ceil((passed / wanted) * search.count), search.k);
    if (passed >= needed) return { entries: rows.map(toEntry), plan: 'candidates' };
    const next = Math.ceil(1.5 * wanted * (needed / Math.max(1, passed)));
    if (next > VEC0_MAX_K) return undefined;
    wanted = next;
  }
}

function rescore(db: Reader, { model, unit, k, where }: Search, near: Sql): NearRow[] {
  const base = BigInt(model.id * MODEL_STRIDE);
  return db.all<NearRow>(
    sql`WITH near (id) AS MATERIALIZED (${near}),
        best (id, cosine) AS MATERIALIZED (
          SELECT d.id, 1 - vec_distance_cosine(d.vector, ${unit}) AS cosine
          FROM near CROSS JOIN document_embeddings_data d ON d.id = near.id ORDER BY cosine DESC LIMIT ${k})
        SELECT e.id, best.cosine, (SELECT count(*) FROM near) AS rescored
        FROM best CROSS JOIN search_entries e ON e.text_id = best.id - ${base} AND ${where}
        ORDER BY best.cosine DESC, e.id LIMIT ${k}`,
  );
}

const toEntry = ({ id, cosine }: NearRow): { id: number; cosine: number } => ({ id, cosine });

/**
 * A Hamming radius that holds about `wanted` of the model's codes, read off a sample. vec0 picks the k nearest of each
 * chunk by k passes over the chunk, so k = 512 costs 70 ms at 100,000 codes; with `distance <= radius` only the few
 * codes within it are left to pick from, and the same answer costs 5 ms. A radius that is a little off costs time or a
 * second try, never an entry.
 */
function radiusOf(db: Reader, search: Search, wanted: number): number {
  const words = sampleOf(db, search);
  const query = new Uint32Array(search.code.buffer, search.code.byteOffset, WORDS_PER_CODE);
  const atDistance = new Uint32Array(COARSE_BITS + 1);
  for (let start = 0; start < words.length; start += WORDS_PER_CODE) {
    let distance = 0;
    for (let i = 0; i < WORDS_PER_CODE; i++) distance += bitCount(words[start + i]! ^ query[i]!);
    atDistance[distance]! += 1;
  }
  const rank = Math.ceil((wanted / search.count) * (words.length / WORDS_PER_CODE)) + 2;
  let seen = 0;
  for (let distance = 0; distance < COARSE_BITS; distance++) {
    seen += atDistance[distance]!;
    if (seen >= rank) return distance;
  }
  return COARSE_BITS;
}

// Codes evenly spaced over a model's ids, for each connection: read once, and again when the model has grown by half.
const samples = new WeakMap<Reader, Map<number, { count: number; words: Uint32Array }>>();

function sampleOf(db: Reader, { model, count }: Search): Uint32Array {
  const known = samples.get(db)?.get(model.id);
  if (known !== undefined && count < 1.5 * known.count && 1.5 * count > known.count) return known.words;
  const words = readSample(db, model.id * MODEL_STRIDE, Math.min(count, SAMPLE_SIZE));
  samples.set(db, new Map(samples.get(db)).set(model.id, { count, words }));
  return words;
}

function readSample(db: Reader, base: number, size: number): Uint32Array {
  const { low, high } = db.one<{ low: number; high: number }>(
    sql`SELECT min(id) AS low, max(id) AS high FROM embedding_codes WHERE id > ${base} AND id < ${base + MODEL_STRIDE}`,
  )!;
  const words = new Uint32Array(size * WORDS_PER_CODE);
  const codes = new Uint8Array(words.buffer);
  for (let i = 0; i < size; i++) {
    const from = Math.floor(low + ((high - low) * i) / size);
    const { code } = db.one<{ code: Buffer }>(
      sql`SELECT code FROM embedding_codes WHERE id >= ${from} ORDER BY id LIMIT 1`,
    )!;
    codes.set(code.subarray(0, COARSE_BYTES), i * COARSE_BYTES);
  }
  return words;
}

/** Ones in a 32-bit word. */
function bitCount(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
