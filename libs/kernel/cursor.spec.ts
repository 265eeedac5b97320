import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { decodeCursor, encodeCursor, toPage } from './cursor.js';

describe('A cursor', () => {
  const list = ['memories', { namespace_prefix: 'user:alice' }];
  const refused = { kind: 'invalid', details: { errors: [{ field: 'cursor' }] } };
  const refusal = (cursor: string, of: unknown = list): unknown => {
    try {
      return decodeCursor(of, cursor);
    } catch (error) {
      return error;
    }
  };

  it('tells again what it was made of', () => {
    const keys = fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer()), { maxLength: 4 });
    fc.assert(
      fc.property(keys, (some) => {
        expect(decodeCursor(list, encodeCursor(list, some))).toEqual(some);
      }),
      { seed: 6, numRuns: 500 },
    );
  });

  it('is a word that needs no escaping in a URL', () => {
    expect(encodeCursor(list, ['2026-01-02T03:04:05.678Z', 42, 'ключ 🎉'])).toMatch(/^[\w-]+$/);
  });

  it('is none where none is given', () => {
    expect(decodeCursor(list, undefined)).toBeUndefined();
  });

  it('belongs to one list: not to another, nor to the same with other filters', () => {
    const cursor = encodeCursor(list, [1]);
    expect(refusal(cursor, ['sessions', { namespace_prefix: 'user:alice' }])).toMatchObject(refused);
    expect(refusal(cursor, ['memories', { namespace_prefix: 'user:bob' }])).toMatchObject(refused);
    expect(refusal(cursor, ['memories', {}])).toMatchObject(refused);
  });

  it.each(['', 'x', 'null', 'e30', 'AAAAAAAAAAAAAAAA', '%%%', '🎉'])('is refused when it was made up: %j', (cursor) => {
    expect(refusal(cursor)).toMatchObject(refused);
  });

  it('is refused when it was cut, lengthened or changed anywhere', () => {
    const cursor = encodeCursor(list, ['2026-01-02T03:04:05.678Z', 42]);
    for (let length = 0; length < cursor.length; length++)
      expect(refusal(cursor.slice(0, length))).toMatchObject(refused);
    for (const more of ['A', '=', '==', ' ', '\n', '.']) expect(refusal(cursor + more)).toMatchObject(refused);
    for (let at = 0; at < cursor.length; at++) {
      const other = cursor[at] === 'A' ? 'B' : 'A';
      expect(refusal(cursor.slice(0, at) + other + cursor.slice(at + 1))).toMatchObject(refused);
    }
  });
});

describe('A page', () => {
  const page = (rows: number[], limit: number) =>
    toPage(
      'numbers',
      rows,
      limit,
      (row) => [row],
      (row) => `no. ${row}`,
    );

  it('ends where the rows end', () => {
    expect(page([1, 2], 3)).toEqual({ items: ['no. 1', 'no. 2'], next_cursor: null });
    expect(page([1, 2], 2)).toEqual({ items: ['no. 1', 'no. 2'], next_cursor: null });
    expect(page([], 2)).toEqual({ items: [], next_cursor: null });
  });

  it('leaves out the row that tells of more, and points behind its last', () => {
    const { items, next_cursor } = page([1, 2, 3], 2);
    expect(items).toEqual(['no. 1', 'no. 2']);
    expect(decodeCursor('numbers', next_cursor!)).toEqual([2]);
  });
});
