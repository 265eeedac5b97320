import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { SearchIds, type AnsweredSearch } from './search-ids.js';

const DAY = 24 * 3600 * 1000;
const NOW = Date.parse('2026-01-02T03:04:05.678Z');
const ids = new SearchIds(Buffer.alloc(32, 1));

const searches: fc.Arbitrary<AnsweredSearch> = fc.record({
  source: fc.constantFrom('memory', 'document'),
  mode: fc.constantFrom('hybrid', 'semantic', 'keyword'),
  time: fc.integer({ min: NOW - DAY, max: NOW }),
  ids: fc.array(fc.maxSafeNat(), { maxLength: 50 }),
});

describe('R-D7 The id of a search', () => {
  it('tells what was answered, whatever it was', () => {
    fc.assert(fc.property(searches, (search) => expect(ids.read(ids.issue(search), NOW)).toEqual(search)));
  });

  it('is good for a day, and not a millisecond longer', () => {
    const id = ids.issue({ source: 'memory', mode: 'hybrid', time: NOW, ids: [7] });
    expect(ids.read(id, NOW + DAY)).toBeDefined();
    expect(ids.read(id, NOW + DAY + 1)).toBeUndefined();
  });

  it('is none when it was made up, changed, or issued under another key', () => {
    const id = ids.issue({ source: 'memory', mode: 'hybrid', time: NOW, ids: [1, 2, 3] });
    const others = ['', 'x', `${id}A`, `${id}==`, id.slice(0, -1), `B${id.slice(1)}`, id.toUpperCase()];
    for (const other of others) expect([other, ids.read(other, NOW)]).toEqual([other, undefined]);
    expect(new SearchIds(Buffer.alloc(32, 2)).read(id, NOW)).toBeUndefined();
  });
});
