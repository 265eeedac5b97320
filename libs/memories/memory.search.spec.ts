import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decideStep } from '#audit-log';
import type { Json } from '#kernel';
import { caller, catchUp, openTestHouse, type TestHouse } from '../../test/support/house.js';
import { memory } from './memory.decider.js';
import { searchMemories, type MemoryHit, type MemorySearchInput } from './memory.search.js';

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
