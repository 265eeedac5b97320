/**
 * The `local` embedder: text -> 768 numbers, L2-normalised, offline, no state. The same text has the same vector for
 * ever; change {@link LOCAL_MODEL} with anything that changes a vector. Statistics of the corpus come in only through
 * the query's word weights, never into a stored vector.
 *
 *   0..703    words: the sum of one random direction of +-1 per term, its signs from the term's hash (Achlioptas 2003).
 *             Dense on purpose: the signs of a sparse vector say little, and the candidate codes know only signs
 *   704..767  own: a constant amount of energy that no query shares. It keeps "Cool painting!" from being nearer to
 *             everything about painting than a long text can ever be (what pivoted length normalisation does for words)
 *
 * It knows stems and irregular forms, not synonyms: that is what a trained model (`ollama`) adds.
 */
import { hashOf } from './hash.js';
import { termsOf } from './words.js';

export const LOCAL_MODEL = 'abathur-local-1';
export const LOCAL_DIMENSIONS = 768;

const WORD_DIMENSIONS = 704;
const OWN_DIMENSIONS = LOCAL_DIMENSIONS - WORD_DIMENSIONS;
/** Length of the own part: as much as 16 terms. */
const OWN = 4;
/** A query's words weigh idf to this power: between the 1 of idf in the query alone and the 2 of idf on both sides. */
const IDF_POWER = 1.2;
/**
 * Power that makes a score of a cosine's share of `reach`. It takes the noise of hashing (a third of the reach and less)
 * out of weighted sums, where hundreds of texts have a little of it.
 */
export const SHARPNESS = 3;

export type TermWeight = (term: string) => number;

/** Vector of a stored text; of length 1. A text without any term is its own part alone. */
export function embedLocally(text: string): Float32Array {
  const vector = sumOfTerms(text, () => 1);
  let hash = hashOf(text, 1);
  const step = OWN / Math.sqrt(OWN_DIMENSIONS);
  for (let i = 0; i < OWN_DIMENSIONS; i++) {
    if (i % 32 === 0) hash = hashOf(`${hash}`, 2);
    vector[WORD_DIMENSIONS + i] = (hash >>> (i % 32)) & 1 ? step : -step;
  }
  return normalised(vector);
}

/**
 * A query's vector; `idf` says how telling a term is in the corpus searched. All zeros when no term is left. `reach` is
 * its cosine with a stored text of the very same words: as near as a text can come.
 */
export function embedQueryLocally(query: string, idf: TermWeight): { vector: Float32Array; reach: number } {
  const vector = normalised(sumOfTerms(query, (term) => idf(term) ** IDF_POWER));
  return { vector, reach: cosine(vector, embedLocally(query)) };
}

function sumOfTerms(text: string, weightOf: TermWeight): Float32Array {
  const counts = new Map<string, number>();
  for (const term of termsOf(text)) counts.set(term, (counts.get(term) ?? 0) + 1);
  const vector = new Float32Array(LOCAL_DIMENSIONS);
  for (const [term, count] of counts) {
    const step = ((1 + Math.log(count)) * weightOf(term)) / Math.sqrt(WORD_DIMENSIONS);
    let hash = hashOf(term);
    for (let i = 0; i < WORD_DIMENSIONS; i++) {
      if (i % 32 === 0) hash = nextSigns(hash);
      vector[i]! += (hash >>> (i % 32)) & 1 ? step : -step;
    }
  }
  return vector;
}

function nextSigns(hash: number): number {
  let next = (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
  next = Math.imul(next ^ (next >>> 13), 0x297a2d39);
  return next ^ (next >>> 16);
}

/** Cosine of two unit vectors. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function normalised(vector: Float32Array): Float32Array {
  let sum = 0;
  for (const x of vector) sum += x * x;
  const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  for (let i = 0; i < vector.length; i++) vector[i]! *= scale;
  return vector;
}
