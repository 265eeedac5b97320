import { DomainError } from '#kernel';
import { RefusedTexts, type Embedder, type QueryVector } from './embeddings.js';

/** How long one call may take, in milliseconds: of the embedder in the background, and of a query that somebody waits for. */
const EMBED_TIMEOUT = 60_000;
const QUERY_TIMEOUT = 2_000;

/** What models want to be told before a text, and before a query. */
const PREFIXES: Record<string, { text: string; query: string }> = {
  'nomic-embed-text': { text: 'search_document: ', query: 'search_query: ' },
};

/** A model served by Ollama, through its own client. */
export class OllamaEmbedder implements Embedder {
  readonly batch = 10;
  readonly concurrency = 5;
  private readonly prefix: { text: string; query: string };

  constructor(
    private readonly host: string,
    readonly model: string,
    readonly dimensions: number,
  ) {
    this.prefix = PREFIXES[model.split(':')[0]!] ?? { text: '', query: '' };
  }

  /** Asks the server for the model; refuses with what to do about it. Returns its number of dimensions. */
  static async probe(host: string, model: string): Promise<number> {
    const [vector] = await vectors(host, model, ['dimensions'], QUERY_TIMEOUT);
    return vector!.length;
  }

  async embed(texts: string[]): Promise<(Float32Array | RefusedTexts)[]> {
    const prefixed = texts.map((text) => `${this.prefix.text}${text}`);
    const answered = await vectors(this.host, this.model, prefixed, EMBED_TIMEOUT);
    return answered.map((numbers) => this.vector(numbers));
  }

  async embedQuery(query: string): Promise<QueryVector> {
    const [numbers] = await vectors(this.host, this.model, [`${this.prefix.query}${query}`], QUERY_TIMEOUT);
    const vector = this.vector(numbers!);
    if (vector instanceof RefusedTexts) throw vector;
    // Cosines of trained models are scores already: nothing is as near as the same text, which is at 1.
    return { vector, reach: 1, sharpness: 1 };
  }

  private vector(numbers: unknown[]): Float32Array | RefusedTexts {
    if (numbers.length !== this.dimensions) {
      throw unavailable(
        `${this.model} answered ${numbers.length} dimensions, expected ${this.dimensions}.`,
        'Restart while the model is there: it is asked for its dimensions at the start.',
      );
    }
    const vector = Float32Array.from(numbers as number[]);
    const usable = numbers.every(Number.isFinite) && vector.every(Number.isFinite) && vector.some((x) => x !== 0);
    return usable ? vector : new RefusedTexts(`${this.model} answered what is not a direction.`);
  }
}

async function vectors(host: string, model: string, input: string[], timeout: number): Promise<unknown[][]> {
  const signal = AbortSignal.timeout(timeout);
  // Loaded when it is needed: every thread comes by here, and hardly one of them asks a model.
  const { Ollama } = await import('ollama');
  const ollama = new Ollama({ host, fetch: (url, init) => fetch(url, { ...init, signal, redirect: 'error' }) });
  const answer: unknown = await ollama.embed({ model, input, truncate: true }).catch((error: unknown) => {
    throw explained(error, host, model);
  });
  const { embeddings } = (answer ?? {}) as { embeddings?: unknown };
  if (!Array.isArray(embeddings) || embeddings.length !== input.length || !embeddings.every(Array.isArray)) {
    throw unavailable(`${host} did not answer with one vector for each text: is it Ollama?`);
  }
  return embeddings as unknown[][];
}

function explained(error: unknown, host: string, model: string): unknown {
  const { status_code: status, message } = error as { status_code?: number; message: string };
  if (status === 404) {
    return unavailable(`Ollama at ${host} does not have the model ${model}.`, `ollama pull ${model}`);
  }
  if (status === 400 || status === 500) return new RefusedTexts(`Ollama answered ${status}: ${message}`);
  if (status !== undefined) return unavailable(`Ollama at ${host} answered ${status}: ${message}`);
  return unavailable(`Ollama at ${host} did not answer: ${message}`, 'Start it with: ollama serve');
}

const unavailable = (message: string, hint?: string): DomainError =>
  new DomainError('unavailable', 'embeddings-down', message, { hint, retry_after: 5 });
