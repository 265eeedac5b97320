import { setImmediate as turn } from 'node:timers/promises';
import type { Embedder, QueryVector } from './embeddings.js';
import { embedLocally, embedQueryLocally, LOCAL_DIMENSIONS, LOCAL_MODEL, SHARPNESS } from './local-embeddings.js';
import { idf, type CorpusStatistics } from './word-score.js';

/** The embedded default: no download, no network, no state. */
export class LocalEmbedder implements Embedder {
  readonly model = LOCAL_MODEL;
  readonly dimensions = LOCAL_DIMENSIONS;
  readonly batch = 64;
  readonly concurrency = 1;

  async embed(texts: string[]): Promise<Float32Array[]> {
    const vectors: Float32Array[] = [];
    for (const text of texts) {
      // Long texts take milliseconds each: whoever shares this thread gets in between.
      if (vectors.length > 0) await turn();
      vectors.push(embedLocally(text));
    }
    return vectors;
  }

  async embedQuery(query: string, statistics: CorpusStatistics): Promise<QueryVector> {
    return { ...embedQueryLocally(query, (term) => idf(statistics, term)), sharpness: SHARPNESS };
  }
}
