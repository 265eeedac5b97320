import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { compare, statementOf, type Verdict } from './statement.js';

type Pair = [string, string];
const { duplicates, distinct } = JSON.parse(readFileSync('test/fixtures/statement-pairs.json', 'utf8')) as {
  duplicates: Pair[];
  distinct: Pair[];
};
const verdict = ([one, other]: Pair): Verdict => compare(statementOf(one), statementOf(other)).verdict;

describe('R-M11 Two statements', () => {
  it('are told apart on a set that is large enough to say something', () => {
    expect(duplicates.length).toBeGreaterThanOrEqual(40);
    expect(distinct.length).toBeGreaterThanOrEqual(40);
  });

  it.each(distinct)('%s | %s are never merged', (...pair) => {
    expect(verdict(pair)).not.toBe('same');
    expect(verdict(pair.toReversed() as Pair)).not.toBe('same');
  });

  it('are merged with precision 1, and most that say the same are found', () => {
    const merged = { right: duplicates.filter((p) => verdict(p) === 'same').length };
    const wrong = distinct.filter((p) => verdict(p) === 'same').length;
    const seen = duplicates.filter((p) => verdict(p) !== 'distinct').length;
    expect(merged.right / (merged.right + wrong)).toBe(1);
    expect(merged.right / duplicates.length).toBeGreaterThanOrEqual(0.85);
    // The rest is put before somebody who knows; without a trained model, other words for the same are not seen.
    expect(seen / duplicates.length).toBeGreaterThanOrEqual(0.9);
  });
});
