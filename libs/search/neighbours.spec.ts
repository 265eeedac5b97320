import { describe, expect, it } from '@jest/globals';
import { asksQuestion, sequenceOf, shareWithNeighbours, type Place } from './neighbours.js';

const place = (session: string, { before = null, after = null, asks = false }: Partial<Place> = {}): Place => ({
  session,
  before,
  after,
  asks,
});
const shared = (scores: Record<number, number>, places: Record<number, Place> = {}): Record<number, number> => {
  const hits = Object.entries(scores).map(([id, score]) => ({ id: Number(id), score }));
  const found = shareWithNeighbours(hits, new Map(Object.entries(places).map(([id, at]) => [Number(id), at])));
  return Object.fromEntries(found.map(({ id, score }) => [id, score]));
};

describe('R-D6 Texts of one session lend to each other', () => {
  it('but a text without a session keeps its score', () => {
    expect(shared({ 1: 0.5, 2: 0.4 })).toEqual({ 1: 0.5, 2: 0.4 });
  });

  it('and nobody lends to itself: alone in its session, a text is worth what an equal one without is worth', () => {
    const scores = shared({ 1: 0.5, 2: 0.5 }, { 1: place('s') });
    expect(scores[1]).toBe(scores[2]);
  });

  it('the best to the others, the second best to the best, and their order stays', () => {
    const scores = shared({ 1: 0.6, 2: 0.5, 3: 0.1 }, { 1: place('s'), 2: place('s'), 3: place('s') });
    expect(scores[1]).toBeGreaterThan(0.6);
    expect(scores[2]).toBeGreaterThan(0.5);
    expect(scores[1]).toBeGreaterThan(scores[2]!);
    expect(scores[2]).toBeGreaterThan(scores[3]!);
  });

  it('not to other sessions', () => {
    expect(shared({ 1: 0.6, 2: 0.5 }, { 1: place('s'), 2: place('t') })).toEqual({ 1: 0.6, 2: 0.5 });
  });

  it('the text after a question is found, also when it has none of the words', () => {
    const asked = shared({ 1: 0.6 }, { 1: place('s', { after: 2, asks: true }) });
    const told = shared({ 1: 0.6 }, { 1: place('s', { after: 2 }) });
    expect(asked[2]).toBeGreaterThan(told[2]!);
    expect(told[2]).toBeGreaterThan(0);
  });

  it('and no score falls, or leaves 0 to 1', () => {
    for (let n = 0; n < 200; n++) {
      const scores = Object.fromEntries(Array.from({ length: 8 }, (_, id) => [id, ((n * 7 + id * 13) % 101) / 100]));
      const places = Object.fromEntries(
        Array.from({ length: 8 }, (_, id) => [
          id,
          place(id % 3 === 0 ? 'a' : 'b', { after: (id + 1) % 8, before: (id + 7) % 8, asks: id % 2 === 0 }),
        ]),
      );
      for (const [id, score] of Object.entries(shared(scores, places))) {
        expect(score).toBeGreaterThanOrEqual(scores[id]!);
        expect(score).toBeLessThanOrEqual(1);
      }
    }
  });
});

describe('A sequence', () => {
  const at = (key: string, position = 7) => sequenceOf({ namespace: 'user:a', session: 's', key, position });

  it('is ordered by the number in its keys, whatever order they were written in', () => {
    expect(at('D1:2').name).toBe(at('D1:10').name);
    expect(at('D1:2').place).toBeLessThan(at('D1:10').place);
    expect(at('turn-7')).toEqual({ name: expect.any(String), place: 7 });
  });

  it('of keys without a number is ordered by the log', () => {
    expect(at('coffee', 12).place).toBe(12);
    expect(at('2b1f9c1e-7d7a-4b0e-9d57-1f7c0a4b2c11', 13).place).toBe(13);
  });

  it('is told apart by namespace, session and series', () => {
    expect(at('D1:1').name).not.toBe(at('D2:1').name);
    expect(sequenceOf({ namespace: 'user:b', session: 's', key: 'D1:1', position: 1 }).name).not.toBe(at('D1:1').name);
  });
});

it('A text asks when its first line ends with a question mark', () => {
  expect(['Any pets?', 'Any pets?"', 'Any pets? \nI have two.'].map(asksQuestion)).toEqual([true, true, true]);
  expect(['Two.', 'Really? Yes.', ''].map(asksQuestion)).toEqual([false, false, false]);
});
