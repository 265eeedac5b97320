import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OllamaEmbedder, RefusedTexts } from '#search';
import { startOllama, type Behaviour, type OllamaDouble } from '../support/ollama-double.js';
import { embedderContract } from './embedder.contract.js';

embedderContract('ollama', async () => {
  const double = await startOllama();
  const embedder = new OllamaEmbedder(double.url, 'nomic-embed-text', 768);
  return { embedder, close: () => double.close() };
});

describe('R-D5 The embedder ollama', () => {
  let double: OllamaDouble;
  let embedder: OllamaEmbedder;
  beforeAll(async () => {
    double = await startOllama();
    embedder = new OllamaEmbedder(double.url, 'nomic-embed-text', 768);
  });
  afterAll(() => double.close());

  it('asks a model for its dimensions', async () => {
    expect(await OllamaEmbedder.probe(double.url, 'nomic-embed-text')).toBe(768);
    expect(await OllamaEmbedder.probe(double.url, 'other-model')).toBe(384);
  });

  it.each<[Behaviour, string, string | undefined]>([
    ['drop', 'did not answer', 'Start it with: ollama serve'],
    ['html', 'did not answer', 'Start it with: ollama serve'],
    ['redirect', 'did not answer', 'Start it with: ollama serve'],
    ['missing', 'does not have the model nomic-embed-text', 'ollama pull nomic-embed-text'],
    ['dimensions', 'answered 384 dimensions, expected 768', expect.stringContaining('Restart') as never],
  ])('says of a server that does “%s” what is wrong, and what to do', async (behaviour, message, hint) => {
    double.behaviour = behaviour;
    await expect(embedder.embed(['a text'])).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'embeddings-down',
      message: expect.stringContaining(message),
      details: { hint },
    });
  });

  it('does not wait for ever for the vector of a query', async () => {
    double.behaviour = 'slow';
    await expect(embedder.embedQuery('a query')).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('tells refused texts from a server that is away', async () => {
    double.behaviour = 'error';
    await expect(embedder.embed(['a text'])).rejects.toBeInstanceOf(RefusedTexts);
  });

  it.each<Behaviour>(['not-numbers', 'zeros'])('takes no vector of “%s”', async (behaviour) => {
    double.behaviour = behaviour;
    expect(await embedder.embed(['a text'])).toEqual([expect.any(RefusedTexts)]);
  });
});
