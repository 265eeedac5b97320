import { LocalEmbedder, OllamaEmbedder, type Embedder } from '#search';
import type { Config } from './config.js';

/** Dimensions of models that are known; others are asked for. */
const DIMENSIONS: Record<string, number> = { 'nomic-embed-text': 768 };

/** The embedder that the settings choose. A model that is away now may come later: then its dimensions must be known. */
export async function chooseEmbedder(config: Config, onMissing: (error: unknown) => void): Promise<Embedder> {
  if (config.ABATHUR_EMBEDDINGS === 'local') return new LocalEmbedder();
  const { OLLAMA_HOST: host, ABATHUR_EMBEDDING_MODEL: model } = config;
  try {
    return new OllamaEmbedder(host, model, await OllamaEmbedder.probe(host, model));
  } catch (error) {
    onMissing(error);
    return new OllamaEmbedder(host, model, DIMENSIONS[model.split(':')[0]!] ?? 768);
  }
}

/** An embedder for vectors that are there already. */
export function embedderFor(config: Config, name: string, dimensions: number): Embedder | undefined {
  const local = new LocalEmbedder();
  if (name === local.model && dimensions === local.dimensions) return local;
  return name.startsWith('abathur-local') ? undefined : new OllamaEmbedder(config.OLLAMA_HOST, name, dimensions);
}
