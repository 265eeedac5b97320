import { describe, expect, it } from '@jest/globals';
import { specify } from '../../test/support/given.js';
import { conflict, type ConflictCommand } from './conflict.decider.js';
import type { ConflictEvent } from './conflict.events.js';
import { conflictIdOf } from './conflict-id.js';

const member = (key: string, version = 1) => ({ namespace: 'user:alice', key, version });
const found = {
  conflict_id: 'c',
  kind: 'duplicate' as const,
  namespace: 'user:alice',
  members: [member('a'), member('b')],
  reason: 'They say the same.',
};
const detected: ConflictEvent = { type: 'ConflictDetected', data: found };
const report: ConflictCommand = { type: 'ReportConflict', ...found };
const resolve: ConflictCommand = {
  type: 'ResolveConflict',
  conflict_id: 'c',
  strategy: 'merge',
  result: member('a', 2),
};
const resolved: ConflictEvent = {
  type: 'ConflictResolved',
  data: { conflict_id: 'c', strategy: 'merge', result: member('a', 2) },
};

describe('R-M11 A conflict', () => {
  const { given } = specify(conflict);

  it('is reported once, also when it was resolved', () => {
    given().when(report).then(detected);
    expect(given().when(report).again()).toEqual([]);
    given(detected, resolved).when(report).thenNothing();
  });

  it('is open again when it is found again after it had become outdated', () => {
    const outdated: ConflictEvent = {
      type: 'ConflictResolved',
      data: { conflict_id: 'c', strategy: 'outdated', result: null },
    };
    given(detected, outdated)
      .when(report)
      .then({ type: 'ConflictReopened', data: { conflict_id: 'c' } });
    given(detected, outdated, { type: 'ConflictReopened', data: { conflict_id: 'c' } })
      .when(resolve)
      .then(resolved);
    given(detected, outdated).when(resolve).thenFails('conflict', 'conflict-resolved');
  });

  it('is resolved once, and only when it was found', () => {
    given(detected).when(resolve).then(resolved);
    given(detected, resolved).when(resolve).thenFails('conflict', 'conflict-resolved');
    given().when(resolve).thenFails('not-found', 'conflict-not-found');
  });

  it('has an id that follows from its kind and its members at their versions, in whatever order', () => {
    const id = conflictIdOf('duplicate', [member('a'), member('b')]);
    expect(conflictIdOf('duplicate', [member('b'), member('a')])).toBe(id);
    expect(conflictIdOf('same_key', [member('a'), member('b')])).not.toBe(id);
    expect(conflictIdOf('duplicate', [member('a'), member('b', 2)])).not.toBe(id);
    expect(conflictIdOf('duplicate', [member('a/b'), member('c')])).not.toBe(
      conflictIdOf('duplicate', [member('a'), member('b/c')]),
    );
  });
});
