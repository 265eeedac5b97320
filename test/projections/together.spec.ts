import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { decideStep, readStep, type WorkAnswer, type WriterRequest } from '#audit-log';
import { memory } from '#memories';
import { defineRead, sql, type Reader } from '#storage';
import { caller, openTestHouse, type TestHouse } from '../support/house.js';

/** How many memories have a word; a read that the house knows by its name. */
const having = (db: Reader, word: string): number =>
  db.one<{ count: number }>(sql`SELECT count(*) AS count FROM memory_words WHERE memory_words MATCH ${word}`)!.count;

const add = (key: string, word: string) =>
  decideStep(memory, { type: 'WriteMemory', mode: 'add', namespace: 'user:alice', key, value: { text: word } });

const work = (...steps: ReturnType<typeof add>[]): WriterRequest => ({
  kind: 'execute',
  work: { caller: caller(), steps },
});

/** A read of the product that looks at words. */
const search = (query: string) =>
  readStep(
    defineRead('memories.search', () => []),
    {
      query,
      mode: 'keyword',
      fusion: 'weighted',
      weights: { words: 1, meaning: 0 },
      limit: 10,
      threshold: 0,
      explain: false,
    },
  );

describe('R-A5 A projection that goes together for all writes of a transaction', () => {
  let house: TestHouse;
  beforeEach(() => {
    house = openTestHouse();
  });
  afterEach(() => house.close());

  it('has the rows of all of them when they are answered, and none of one that was undone', () => {
    const settled = house.writer.batch([
      work(add('a', 'apple')),
      work(add('b', 'banana'), add('a', 'avocado')),
      work(add('c', 'cherry')),
    ]);
    expect(settled.map((one) => 'value' in one)).toEqual([true, false, true]);
    expect(['apple', 'banana', 'avocado', 'cherry'].map((word) => having(house.db, word))).toEqual([1, 0, 0, 1]);
  });

  it('has them before anything is read in the transaction: those of others and those of the same work', () => {
    const [, settled] = house.writer.batch([work(add('a', 'plum')), work(add('b', 'plum'), search('plum'))]);
    const { results } = (settled as { value: WorkAnswer }).value;
    expect((results[1] as { results: { key: string }[] }).results.map(({ key }) => key).toSorted()).toEqual(['a', 'b']);
  });

  it('keeps what others wrote when a work that has read is undone', () => {
    house.writer.batch([work(add('a', 'quince')), work(add('b', 'medlar'), search('quince'), add('a', 'again'))]);
    expect(['quince', 'medlar', 'again'].map((word) => having(house.db, word))).toEqual([1, 0, 0]);
  });
});
