import { RefusedTexts, type Embedder } from './embeddings.js';

/** How a call of the model ended: it answered, it would not take these texts, or it could not be asked. */
export const CALL_RESULTS = ['ok', 'refused', 'failed'] as const;
export type CallResult = (typeof CALL_RESULTS)[number];

/** The same embedder, with somebody told of each call: of texts in the background as of queries. */
export function watchedEmbedder(embedder: Embedder, onCall: (result: CallResult, seconds: number) => void): Embedder {
  const watch = async <T>(work: () => Promise<T>): Promise<T> => {
    const begin = performance.now();
    const end = (result: CallResult): void => onCall(result, (performance.now() - begin) / 1000);
    try {
      const answer = await work();
      end('ok');
      return answer;
    } catch (error) {
      end(error instanceof RefusedTexts ? 'refused' : 'failed');
      throw error;
    }
  };
  const { model, dimensions, batch, concurrency } = embedder;
  return {
    model,
    dimensions,
    batch,
    concurrency,
    embed: (texts) => watch(() => embedder.embed(texts)),
    embedQuery: (query, statistics) => watch(() => embedder.embedQuery(query, statistics)),
  };
}
