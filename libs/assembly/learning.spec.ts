import { describe, expect, it } from '@jest/globals';
import { judge, withRate } from './learning.js';

const rates = (...told: [version: number, completed: number, failed: number][]) =>
  told.map(([version, completed, failed]) => withRate({ version, completed, failed }));

describe('R-C8 Whether a procedure goes back to an earlier version', () => {
  it('goes to the one that did best, when the current one did worse', () => {
    expect(judge(3, rates([3, 1, 3], [2, 9, 1], [1, 5, 5]), 3)).toEqual({
      to_version: 2,
      explanation: 'Version 3 completed 1 of 4 tasks (25 %). Version 2 completed 9 of 10 tasks (90 %).',
    });
  });

  it('to the newer of two that did equally well', () => {
    expect(judge(3, rates([3, 0, 3], [2, 3, 0], [1, 3, 0]), 3).to_version).toBe(2);
  });

  it.each<[string, Parameters<typeof judge>, RegExp]>([
    ['none did better', [2, rates([2, 3, 1], [1, 3, 1]), 3], /No other version did better/],
    ['the current one is too new to tell', [2, rates([2, 0, 2], [1, 3, 1]), 3], /Version 2 has ended 2 tasks, too few/],
    ['nobody has gone by the current one', [2, rates([1, 3, 1]), 3], /Version 2 has ended 0 tasks/],
    [
      'the others are too new to tell',
      [2, rates([2, 0, 3], [1, 1, 0]), 3],
      /No other version has ended at least 3 tasks/,
    ],
    ['nobody has gone by any', [1, [], 1], /too few/],
  ])('stays when %s, and says so', (_, asked, explanation) => {
    const verdict = judge(...asked);
    expect(verdict.to_version).toBeNull();
    expect(verdict.explanation).toMatch(explanation);
  });

  it('a version that nobody has gone by has no rate', () => {
    expect(withRate({ version: 1, completed: 0, failed: 0 }).success_rate).toBeNull();
  });
});
