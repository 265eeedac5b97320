import { describe, expect, it } from '@jest/globals';
import type { Staged } from '#backup';
import { identityHint } from './texts.js';

type Loss = Staged['loss'];

describe('The hint to begin a new identity of the log', () => {
  const nothing: Loss = { database: 'readable', same_history: true, events: 0, first: null, last: null, by_type: {} };

  it.each([
    ['there was no database', { database: 'none' }, false],
    ['nothing is lost', {}, false],
    ['later entries are lost', { events: 3 }, true],
    ['the database has another history, though nothing later', { same_history: false }, true],
    ['what was there cannot be read', { database: 'unknown' }, true],
  ] as [string, Partial<Loss>, boolean][])('where %s: %j: %s', (_, loss, told) => {
    const hint = identityHint({ ...nothing, ...loss });
    expect(hint.includes('abathur audit keys --renew')).toBe(told);
    expect(hint === '').toBe(!told);
  });
});
