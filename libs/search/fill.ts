import { hash } from 'node:crypto';
import { RefusedTexts, type Embedder } from './embeddings.js';
import type { Backlog, MissingText } from './vector-store.js';

export interface Filling {
  stored: number;
  parked: number;
  /** The backlog that this turn began with. */
  backlog: Backlog;
}

/** A vector, and which text it was made of: the text may have been erased meanwhile, and its id be another one's. */
export interface MadeVector {
  text_id: number;
  /** SHA-256 as hex. */
  sha256: string;
  vector: Float32Array;
}

/** Where vectors come from and go to: the reader of the backlog and the writer's chores. */
export interface FillPorts {
  backlog(limit: number): Promise<Backlog>;
  /** Returns how many were new. */
  store(vectors: MadeVector[]): Promise<number>;
  park(text_id: number, reason: string): Promise<void>;
}

type Filled = Omit<Filling, 'backlog'>;

/**
 * One turn of filling the vector cache: some texts that have no vector yet, embedded and kept. Nothing depends on it but
 * search by meaning: a model that is away makes a turn fail and the backlog wait, and a text that no model takes is parked.
 */
export async function fillVectors(embedder: Embedder, ports: FillPorts): Promise<Filling> {
  const backlog = await ports.backlog(embedder.batch * embedder.concurrency);
  const { texts } = backlog;
  const batches = Array.from({ length: Math.ceil(texts.length / embedder.batch) }, (_, n) =>
    texts.slice(n * embedder.batch, (n + 1) * embedder.batch),
  );
  // All settle before the turn ends: what is still under way would be missing, and asked for again.
  const turns = await Promise.allSettled(batches.map((batch) => fillBatch(embedder, batch, ports)));
  const failed = turns.find((turn) => turn.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const filled = turns.map((turn) => (turn as PromiseFulfilledResult<Filled>).value);
  return { ...sum(filled), backlog };
}

async function fillBatch(embedder: Embedder, batch: MissingText[], ports: FillPorts): Promise<Filled> {
  const results = await ask(embedder, batch);
  if (results !== undefined) return keep(batch, results, ports);
  // One bad text spoils its batch: alone, each shows whether it is the one.
  const alone: Filled[] = [];
  for (const text of batch) {
    const result = await ask(embedder, [text]);
    alone.push(await keep([text], result ?? [new RefusedTexts('The model refuses this text.')], ports));
  }
  return sum(alone);
}

/** What the model says; nothing when it will not have these texts, but still has others. */
async function ask(embedder: Embedder, batch: MissingText[]): Promise<(Float32Array | RefusedTexts)[] | undefined> {
  try {
    return await embedder.embed(batch.map(({ text }) => text));
  } catch (error) {
    if (!(error instanceof RefusedTexts)) throw error;
    // A server in trouble refuses everything: is it these texts, or would it refuse any?
    await embedder.embed([ANY_TEXT]);
    return batch.length > 1 ? undefined : askAgain(embedder, batch[0]!);
  }
}

/** Others are taken: either this text is the reason, or the trouble has passed while we looked. */
async function askAgain(embedder: Embedder, { text }: MissingText): Promise<(Float32Array | RefusedTexts)[]> {
  try {
    return await embedder.embed([text]);
  } catch (error) {
    if (error instanceof RefusedTexts) return [error];
    throw error;
  }
}

const ANY_TEXT = 'Any text.';

async function keep(batch: MissingText[], results: (Float32Array | RefusedTexts)[], ports: FillPorts): Promise<Filled> {
  const vectors = results.flatMap((result, n) =>
    result instanceof RefusedTexts
      ? []
      : [{ text_id: batch[n]!.id, sha256: hash('sha256', batch[n]!.text), vector: result }],
  );
  const stored = vectors.length === 0 ? 0 : await ports.store(vectors);
  let parked = 0;
  for (const [n, result] of results.entries()) {
    if (!(result instanceof RefusedTexts)) continue;
    await ports.park(batch[n]!.id, result.message);
    parked += 1;
  }
  return { stored, parked };
}

const sum = (filled: Filled[]): Filled => ({
  stored: filled.reduce((total, { stored }) => total + stored, 0),
  parked: filled.reduce((total, { parked }) => total + parked, 0),
});
