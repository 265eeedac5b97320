import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decideStep } from '#audit-log';
import type { Json } from '#kernel';
import { LocalEmbedder, missingTexts, registerModel, storeVector, type WordHalf } from '#search';
import { caller, catchUp, openTestHouse, type TestHouse } from '../../test/support/house.js';
import { sql } from '#storage';
import { statisticsOf } from '../search/search.js';
import { WordScorer } from '../search/word-score.js';
import { queryWords } from '../search/words.js';
import { memory, type MemoryCommand } from './memory.decider.js';
import {
  memorySearch,
  searchMemories,
  type MemoryHit,
  type MemorySearchAnswer,
  type MemorySearchInput,
} from './memory.search.js';

const WORDS = ['coffee', 'tea', 'lake', 'train', 'garden', 'morning', 'letter', 'violin', 'winter', 'bread'];

describe('R-D6 A search by words', () => {
  let house: TestHouse;
  let head: number;
  beforeAll(async () => {
    house = openTestHouse();
    // Everyone says nearly the same; most of it has been replaced or deleted since.
    for (let n = 0; n < 1_500; n++) {
      const text = [n % 10, (n * 7) % 9, (n * 3) % 8].map((index) => WORDS[index]).join(' ');
      const address = { namespace: `user:u${n % 5}`, key: `k${n % 700}` };
      const value = { text: `${text} ${n}` };
      const steps = [decideStep(memory, { type: 'WriteMemory', mode: 'put', ...address, value })];
      if (n % 4 === 0) steps.push(decideStep(memory, { type: 'DeleteMemory', ...address }));
      await house.log.execute({ caller: caller(), steps });
    }
    await catchUp(house);
    head = (await house.log.head()).position;
  });
  afterAll(() => house.close());

  const search = (more: Partial<MemorySearchInput>): [number, number][] => {
    const query = { mode: 'keyword', fusion: 'weighted', weights: { words: 1, meaning: 0 } } as const;
    const { results } = searchMemories.run(house.db, {
      ...query,
      query: 'coffee in the garden, a letter in the morning',
      limit: 100,
      threshold: 0,
      explain: false,
      now: '',
      ...more,
    });
    return results.map(({ id, score }: MemoryHit) => [id, score]);
  };
  const everyone: Json = { version: { gte: 1 } };

  it('finds the same, whether rows are looked up before, after or during it', () => {
    const namespace_prefix = 'user:u3';
    const listed = search({ namespace_prefix });
    expect(listed.length).toBeGreaterThan(50);
    expect(search({ filter: { namespace: namespace_prefix } })).toEqual(listed);
    expect(search({ namespace_prefix, as_of: head })).toEqual(listed);
    const all = search({});
    expect(all.length).toBeGreaterThan(90);
    expect(search({ filter: everyone })).toEqual(all);
    expect(search({ as_of: head })).toEqual(all);
  });

  it('finds the same, when words and meaning are found apart', async () => {
    const embedder = new LocalEmbedder();
    const model = registerModel(house.db, embedder.model, embedder.dimensions);
    const { texts } = missingTexts(house.db, model, 10_000, 0);
    const vectors = await embedder.embed(texts.map(({ text }) => text));
    texts.forEach(({ text_id }, n) => storeVector(house.db, model, text_id, vectors[n] as Float32Array));
    const query = 'a letter in the garden';
    const meaning = await embedder.embedQuery(query, { texts: 1_000, textsWith: () => 300 });
    const scanned: string[] = [];
    const ask = (counted: number, more: Partial<MemorySearchInput> = {}): Promise<MemorySearchAnswer> =>
      memorySearch.ask(
        {
          scan: async (read, input) => {
            scanned.push(read.name);
            return read.run(house.db, structuredClone(input));
          },
        },
        {
          query,
          mode: 'hybrid',
          fusion: 'weighted',
          weights: { words: 0.3, meaning: 0.7 },
          limit: 40,
          threshold: 0,
          explain: true,
          now: '',
          meaning: { ...meaning, model: { ...model, vectors: counted } },
          ...more,
        },
      );
    const filters = [{}, { namespace_prefix: 'user:u3' }, { fusion: 'rrf' as const }, { as_of: head - 500 }];
    for (const more of filters) {
      const whole = await ask(texts.length, more);
      expect(whole.results.length).toBeGreaterThan(30);
      expect(await ask(100_000, more)).toEqual(whole);
    }
    expect(scanned.slice(0, 4)).toEqual([
      'memories.search',
      'memories.search.words',
      'memories.search.meaning',
      'memories.search',
    ]);
  });

  it('shows nothing that was gone when its halves were joined', async () => {
    const address = { namespace: 'user:brief', key: 'k' };
    const execute = (command: MemoryCommand): Promise<unknown> =>
      house.log.execute({ caller: caller(), steps: [decideStep(memory, command)] });
    await execute({ type: 'WriteMemory', mode: 'put', ...address, value: { text: 'mayfly' } });
    const words: WordHalf = memorySearch.reads[1]!.run(house.db, { query: 'mayfly', mode: 'hybrid', limit: 10 });
    expect(words.scores.size).toBe(1);
    await execute({ type: 'DeleteMemory', ...address });
    const halves = { words, meaning: words.scores };
    expect(search({ query: 'mayfly', mode: 'hybrid', meaning: undefined, halves })).toEqual([]);
  });

  it('finds the one that passes, when the best of the others do not', async () => {
    const address = { namespace: 'user:lonely', key: 'k' };
    const value = { text: 'a long and winding story in which, near its end, somebody drinks coffee' };
    await house.log.execute({
      caller: caller(),
      steps: [decideStep(memory, { type: 'WriteMemory', mode: 'put', ...address, value })],
    });
    expect(search({ namespace_prefix: 'user:lonely' })).toHaveLength(1);
    expect(search({ filter: { namespace: 'user:lonely' } })).toHaveLength(1);
  });
});

describe('R-D6 A search for common and rare words', () => {
  let house: TestHouse;
  beforeAll(async () => {
    house = openTestHouse();
    const steps = Array.from({ length: 5_600 }, (_, n) => {
      const text = [
        'river boat',
        n % 7 === 0 ? 'stone' : '',
        n % 90 === 0 ? 'heron' : '',
        n % 1_000 === 1 ? 'otter' : '',
      ];
      const value = { text: `${text.join(' ')} n${n}` };
      return decideStep(memory, { type: 'WriteMemory', mode: 'add', namespace: 'user:u', key: `k${n}`, value });
    });
    for (let from = 0; from < steps.length; from += 800)
      await house.log.execute({ caller: caller(), steps: steps.slice(from, from + 800) });
  });
  afterAll(() => house.close());

  it.each(['river boat', 'river heron', 'boat river stone otter', 'otter', 'heron river nowhere', 'river boat otter'])(
    'finds the best of all texts for “%s”',
    (query) => {
      const rows = house.db.all<{ value: string }>(sql`SELECT value FROM memory_entries`);
      const scorer = new WordScorer(
        queryWords(query),
        statisticsOf(house.db, { words: 'memory_words', vocabulary: 'memory_vocabulary' }),
      );
      const every = rows
        .map(({ value }) => scorer.score((JSON.parse(value) as { text: string }).text).score)
        .filter((score) => score > 0)
        .toSorted((a, b) => b - a)
        .slice(0, 20);
      const { results } = searchMemories.run(house.db, {
        query,
        mode: 'keyword',
        fusion: 'weighted',
        weights: { words: 1, meaning: 0 },
        limit: 20,
        threshold: 0,
        explain: false,
        now: '',
      });
      const digits = (score: number): string => score.toFixed(9);
      expect(results.map(({ score }: MemoryHit) => digits(score))).toEqual(every.map(digits));
    },
  );
});
