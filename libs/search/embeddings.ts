import type { EmbeddingModel } from './vector-store.js';
import type { CorpusStatistics } from './word-score.js';

/** A query as a vector, and how its cosines are read. */
export interface QueryVector {
  vector: Float32Array;
  /** The cosine that a perfect text would have; scores are shares of it. */
  reach: number;
  /** Power that a share is taken to: spreads models whose cosines lie close together. */
  sharpness: number;
}

/** What a query means to a model, and how many texts have a vector of it. */
export type QueryMeaning = QueryVector & { model: EmbeddingModel & { vectors: number } };

/**
 * Turns texts into vectors. The model's name is part of every key: the same text under the same name has the same
 * vector for ever, so what changes vectors changes the name.
 */
export interface Embedder {
  readonly model: string;
  readonly dimensions: number;
  /** Most texts that one call should bring. */
  readonly batch: number;
  /** Calls that may be under way at once. */
  readonly concurrency: number;
  /**
   * For each text, in order, its vector, or why this text has none. Throws {@link RefusedTexts} when it could not tell
   * which of several texts is at fault, anything else when the model is away.
   */
  embed(texts: string[]): Promise<(Float32Array | RefusedTexts)[]>;
  embedQuery(query: string, statistics: CorpusStatistics): Promise<QueryVector>;
}

/** The model answered, but would not take these texts; as opposed to a model that is away. */
export class RefusedTexts extends Error {
  override readonly name = 'RefusedTexts';
}

/** Score 0..1 of a cosine. 1 is as near as the query's own words would be; the power changes no order. */
export function closeness(cosine: number, { reach, sharpness }: Pick<QueryVector, 'reach' | 'sharpness'>): number {
  return reach > 0 ? Math.min(1, Math.max(0, cosine / reach)) ** sharpness : 0;
}
