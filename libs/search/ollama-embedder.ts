import { Ollama } from 'ollama';
import { DomainError } from '#kernel';
import { UnembeddableText, type Embedder, type QueryVector } from './embeddings.js';

/** How long one call may take, in milliseconds: of the embedder in the background, and of a query that somebody waits for. */
const EMBED_TIMEOUT = 60_000;
const QUERY_TIMEOUT = 2_000;

/** A model served by Ollama, through its own client. */
export class OllamaEmbedder implements Embedder {
  readonly batch = 10;
  readonly concurrency = 5;

  constructor(
    private readonly host: string,
    readonly model: string,
    readonly dimensions: number,
  ) {}

  /** Asks the server for the model; refuses with what to do about it. Returns its number of dimensions. */
  static async probe(host: string, model: string): Promise<number> {
    const { embeddings } = await call(host, QUERY_TIMEOUT, (ollama) => ollama.embed({ model, input: 'dimensions' }));
    return embeddings[0]!.length;
  }

  async embed(texts: string[]): Promise<Float32Array[]> {
    const { embeddings } = await call(this.host, EMBED_TIMEOUT, (ollama) =>
      ollama.embed({ model: this.model, input: texts, truncate: true }),
    );
    if (embeddings.length !== texts.length) {
      throw unavailable(`Ollama answered ${embeddings.length} vectors for ${texts.length} texts.`);
    }
    return embeddings.map((numbers) => this.vector(numbers));
  }

  async embedQuery(query: string): Promise<QueryVector> {
    const { embeddings } = await call(this.host, QUERY_TIMEOUT, (ollama) =>
      ollama.embed({ model: this.model, input: query, truncate: true }),
    );
    // Cosines of trained models are scores already: nothing is as near as the same text, which is at 1.
    return { vector: this.vector(embeddings[0]!), reach: 1, sharpness: 1 };
  }

  private vector(numbers: number[]): Float32Array {
    if (numbers.length !== this.dimensions) {
      throw unavailable(`${this.model} answered ${numbers.length} dimensions, expected ${this.dimensions}.`);
    }
    if (!numbers.every(Number.isFinite)) throw new UnembeddableText(`${this.model} answered what is not a number.`);
    return Float32Array.from(numbers);
  }
}

async function call<T>(host: string, timeout: number, work: (ollama: Ollama) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(timeout);
  const ollama = new Ollama({ host, fetch: (input, init) => fetch(input, { ...init, signal }) });
  try {
    return await work(ollama);
  } catch (error) {
    throw explained(error, host);
  }
}

function explained(error: unknown, host: string): unknown {
  const { status_code: status, message } = error as { status_code?: number; message: string };
  if (status === 404) {
    const model = /model "?([^"\s]+)"?/.exec(message)?.[1] ?? 'nomic-embed-text';
    return unavailable(`Ollama at ${host} does not have the model ${model}.`, `ollama pull ${model}`);
  }
  if (status === 400) return new UnembeddableText(message);
  if (status !== undefined) return unavailable(`Ollama at ${host} answered ${status}: ${message}`);
  return unavailable(`Ollama at ${host} did not answer: ${message}`, 'Start it with: ollama serve');
}

const unavailable = (message: string, hint?: string): DomainError =>
  new DomainError('unavailable', 'embeddings-down', message, { hint, retry_after: 5 });
