import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { closeness, RefusedTexts, type Embedder } from '#search';

export interface EmbedderUnderTest {
  embedder: Embedder;
  close(): Promise<void>;
}

const ODD = [
  '',
  ' ',
  '🎉',
  'naïve café',
  'a'.repeat(8_000),
  'word '.repeat(1_600),
  'line\nline',
  '猫が好き',
  '%_*"\'`',
];
const STATISTICS = { texts: 100, textsWith: () => 3 };

/** What search relies on, whoever makes the vectors. */
export function embedderContract(name: string, make: () => Promise<EmbedderUnderTest>): void {
  describe(`R-D4 The embedder ${name}`, () => {
    let under: EmbedderUnderTest;
    let embedder: Embedder;
    beforeAll(async () => {
      under = await make();
      embedder = under.embedder;
    });
    afterAll(() => under.close());

    const vector = async (text: string): Promise<Float32Array> => {
      const [result] = await embedder.embed([text]);
      if (result instanceof Float32Array) return result;
      throw result as Error;
    };
    const score = async (query: string, text: string): Promise<number> => {
      const asked = await embedder.embedQuery(query, STATISTICS);
      return closeness(cosine(asked.vector, await vector(text)), asked);
    };

    it('says its name, its dimensions, and how much it takes', () => {
      expect(embedder.model).toMatch(/^\S+$/);
      expect(embedder.dimensions).toBeGreaterThan(0);
      expect(embedder.batch).toBeGreaterThan(0);
      expect(embedder.concurrency).toBeGreaterThan(0);
    });

    it('gives each text a vector of its dimensions, finite and with a direction', async () => {
      for (const result of await embedder.embed(ODD)) {
        if (result instanceof RefusedTexts) continue;
        expect(result).toBeInstanceOf(Float32Array);
        expect(result).toHaveLength(embedder.dimensions);
        expect(result.every(Number.isFinite)).toBe(true);
        expect(result.some((x) => x !== 0)).toBe(true);
      }
    });

    it('answers in order, nothing for nothing', async () => {
      const texts = ['coffee', 'tea', 'a walk in the park'];
      const together = await embedder.embed(texts);
      for (const [n, text] of texts.entries()) expect(together[n]).toEqual(await vector(text));
      expect(await embedder.embed([])).toEqual([]);
    });

    it('gives the same text the same vector, whatever stands beside it', async () => {
      const first = await vector('I take my coffee black.');
      const [, again] = await embedder.embed(['something else', 'I take my coffee black.']);
      expect(again).toEqual(first);
    });

    it('is nearest to the very text that is asked for, and scores are 0 to 1', async () => {
      const query = 'coffee without sugar';
      const same = await score(query, query);
      const near = await score(query, 'Alice drinks coffee.');
      const far = await score(query, 'The train leaves at noon.');
      expect(same).toBeCloseTo(1, 2);
      expect(same).toBeGreaterThan(near);
      expect(near).toBeGreaterThan(far);
      expect(far).toBeGreaterThanOrEqual(0);
    });

    it.each(ODD)('takes the query %j', async (query) => {
      const { vector: asked } = await embedder.embedQuery(query, STATISTICS);
      expect(asked).toHaveLength(embedder.dimensions);
      expect(asked.every(Number.isFinite)).toBe(true);
    });
  });
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
