/**
 * Sign codes: a vector as 2,048 bits whose Hamming distance follows the angle between vectors.
 *
 * Taking the sign of raw dimensions wastes bits when a model is sparse or leans to some dimensions (measured: recall of
 * 512 candidates 0.60 on hashed n-gram vectors). A random rotation first spreads every dimension over every bit (0.99).
 * The rotation is the usual fast one: random signs, then a Walsh-Hadamard transform, twice; it has no matrix, no training
 * and no state, so the same vector gives the same code on every machine and after every rebuild.
 *
 * A code is two halves from two rotations. vec0 keeps the first half, which is quick to go through whole; a search over
 * few entries uses both, which orders them better.
 *
 * Any number of dimensions works: short vectors are padded with zeros, of long ones the first 1,024 coordinates of each
 * rotation are kept (a random projection), so one vec0 table serves every model.
 *
 * Sources: Charikar 2002 (sign of random projections), Ailon & Chazelle 2006 (random signs + Hadamard).
 */

/** Bits in half a code; fixed, because it is the width of the vec0 column. */
export const COARSE_BITS = 1024;
/** Bits in a whole code. */
export const CODE_BITS = 2 * COARSE_BITS;
/** Changing anything in this file that changes codes means: raise this and rebuild `document_embeddings`. */
export const CODE_VERSION = 1;

const ROUNDS = 2;

/** Signs ±1 from a fixed xorshift32 seed: part of the format, never to be changed without CODE_VERSION. */
function fixedSigns(length: number, seed: number): Float32Array {
  const signs = new Float32Array(length);
  let state = seed | 0;
  for (let i = 0; i < length; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    signs[i] = state < 0 ? -1 : 1;
  }
  return signs;
}

const signsByWidth = new Map<string, readonly Float32Array[]>();

function signsFor(width: number, half: number): readonly Float32Array[] {
  const name = `${width}/${half}`;
  let rounds = signsByWidth.get(name);
  if (rounds === undefined) {
    rounds = Array.from({ length: ROUNDS }, (_, round) =>
      fixedSigns(width, 0x9e3779b9 + (half * ROUNDS + round) * 0x632be5ab),
    );
    signsByWidth.set(name, rounds);
  }
  return rounds;
}

/** Unnormalised Walsh-Hadamard transform in place; length a power of two; n log n additions. */
function hadamard(x: Float32Array): void {
  const n = x.length;
  for (let half = 1; half < n; half *= 2) {
    for (let block = 0; block < n; block += 2 * half) {
      for (let i = block; i < block + half; i += 1) {
        const a = x[i]!;
        const b = x[i + half]!;
        x[i] = a + b;
        x[i + half] = a - b;
      }
    }
  }
}

/** The code of a vector: 256 bytes; bit i of byte b (lowest first) is the sign of rotated coordinate 8b + i. ~55 µs. */
export function signCode(vector: Float32Array): Uint8Array {
  let width = COARSE_BITS;
  while (width < vector.length) width *= 2;
  const code = new Uint8Array(CODE_BITS / 8);
  const x = new Float32Array(width);
  for (let half = 0; half < 2; half += 1) {
    x.fill(0).set(vector);
    for (const signs of signsFor(width, half)) {
      for (let i = 0; i < width; i += 1) x[i]! *= signs[i]!;
      hadamard(x);
    }
    const first = (half * COARSE_BITS) / 8;
    for (let i = 0; i < COARSE_BITS; i += 1) if (x[i]! > 0) code[first + (i >> 3)]! |= 1 << (i & 7);
  }
  return code;
}
