/** Joining the two halves of a search. Pure; scores 0..1, higher is better; ties are broken by id, so order is stable. */

import { invalid } from '#kernel';

export type Id = number;

export interface Halves {
  /** Word scores by id (word-score.ts), 0..1. */
  words: ReadonlyMap<Id, number>;
  /** Similarities by id (local-embeddings.ts or an Ollama model), 0..1. */
  meaning: ReadonlyMap<Id, number>;
}

export interface Weights {
  words: number;
  meaning: number;
}
export const DEFAULT_WEIGHTS: Weights = { words: 0.3, meaning: 0.7 };

export interface Fused {
  id: Id;
  score: number;
  /** What each half gave, before weights; null when that half did not find it. For `explain`. */
  words: number | null;
  meaning: number | null;
}

/**
 * Weighted sum of the halves, the weights scaled to sum 1. Both scores are absolute (a share of the query's words, a
 * cosine), so they are added as they are: no stretching to the best hit, and a threshold means the same for every query.
 */
export function fuseWeighted(halves: Halves, weights: Weights = DEFAULT_WEIGHTS): Fused[] {
  const sum = weights.words + weights.meaning;
  if (!(weights.words >= 0 && weights.meaning >= 0 && sum > 0 && sum < Infinity))
    throw invalid('weights', 'must be at least 0 and not both 0');
  return join(halves, (words, meaning) => ((words ?? 0) * weights.words + (meaning ?? 0) * weights.meaning) / sum);
}

/** Ranks matter, scores do not (Cormack, Clarke, Buettcher 2009): 1 / (60 + rank) from each list; first in both lists is 1. */
export const RANK_OFFSET = 60;

export function fuseRanks(halves: Halves): Fused[] {
  const wordRank = ranksOf(halves.words);
  const meaningRank = ranksOf(halves.meaning);
  const share = (rank: number | undefined): number =>
    rank === undefined ? 0 : (RANK_OFFSET + 1) / (RANK_OFFSET + rank) / 2;
  return join(halves, (_words, _meaning, id) => share(wordRank.get(id)) + share(meaningRank.get(id)));
}

/** Best first; equal scores by id. */
export function byScore(a: { id: Id; score: number }, b: { id: Id; score: number }): number {
  return b.score - a.score || a.id - b.id;
}

function join(
  { words, meaning }: Halves,
  scoreOf: (words: number | null, meaning: number | null, id: Id) => number,
): Fused[] {
  return [...new Set([...words.keys(), ...meaning.keys()])]
    .map((id) => {
      const [inWords, inMeaning] = [words.get(id) ?? null, meaning.get(id) ?? null];
      return { id, score: scoreOf(inWords, inMeaning, id), words: inWords, meaning: inMeaning };
    })
    .toSorted(byScore);
}

function ranksOf(scores: ReadonlyMap<Id, number>): Map<Id, number> {
  const sorted = [...scores].map(([id, score]) => ({ id, score })).toSorted(byScore);
  return new Map(sorted.map(({ id }, index) => [id, index + 1]));
}
