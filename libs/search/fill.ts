import type { EmbeddingModel, MissingText } from './vector-store.js';
import { UnembeddableText, type Embedder } from './embeddings.js';

export interface Filling {
  stored: number;
  parked: number;
}

/** Where vectors come from and go to: the reader of the backlog and the writer's chores. */
export interface FillPorts {
  backlog(model: EmbeddingModel, limit: number): Promise<MissingText[]>;
  store(model: EmbeddingModel, vectors: { text_id: number; vector: Float32Array }[]): Promise<number>;
  park(model: EmbeddingModel, text_id: number, reason: string): Promise<void>;
}

/**
 * One turn of filling the vector cache: some texts that have no vector yet, embedded and kept. Nothing depends on it but
 * search by meaning: a model that is away makes a turn fail and the backlog wait, and a text that no model takes is parked.
 */
export async function fillVectors(embedder: Embedder, model: EmbeddingModel, ports: FillPorts): Promise<Filling> {
  const texts = await ports.backlog(model, embedder.batch * embedder.concurrency);
  const batches = Array.from({ length: Math.ceil(texts.length / embedder.batch) }, (_, n) =>
    texts.slice(n * embedder.batch, (n + 1) * embedder.batch),
  );
  const fillings = await Promise.all(batches.map((batch) => fillBatch(embedder, model, batch, ports)));
  return {
    stored: fillings.reduce((sum, { stored }) => sum + stored, 0),
    parked: fillings.reduce((sum, { parked }) => sum + parked, 0),
  };
}

async function fillBatch(
  embedder: Embedder,
  model: EmbeddingModel,
  batch: MissingText[],
  ports: FillPorts,
): Promise<Filling> {
  try {
    const vectors = await embedder.embed(batch.map(({ text }) => text));
    const stored = await ports.store(
      model,
      batch.map(({ id }, index) => ({ text_id: id, vector: vectors[index]! })),
    );
    return { stored, parked: 0 };
  } catch (error) {
    if (!(error instanceof UnembeddableText)) throw error;
    // One bad text spoils its batch: alone, each shows whether it is the one.
    if (batch.length > 1) {
      const each = { stored: 0, parked: 0 };
      for (const text of batch) {
        const { stored, parked } = await fillBatch(embedder, model, [text], ports);
        each.stored += stored;
        each.parked += parked;
      }
      return each;
    }
    await ports.park(model, batch[0]!.id, error.message);
    return { stored: 0, parked: 1 };
  }
}
