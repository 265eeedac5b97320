import { describe, expect, it } from '@jest/globals';
import { specify } from '../../test/support/given.js';
import { reversal, type ReversalCommand, type ReversalEvent } from './reversal.decider.js';

describe('R-A6 An operation', () => {
  const { given } = specify(reversal);
  const data = { operation: 'x', by: 'r' };
  const revert: ReversalCommand = { type: 'MarkReverted', ...data };
  const restore: ReversalCommand = { type: 'MarkRestored', operation: 'x', by: 'rr' };
  const reverted: ReversalEvent = { type: 'OperationReverted', data };

  it('is taken back once', () => {
    given().when(revert).then({ type: 'OperationReverted', data });
    expect(given().when(revert).again()).toEqual([]);
    given(reverted)
      .when({ ...revert, by: 'other' })
      .thenNothing();
  });

  it('holds again when that is taken back, and can be taken back anew', () => {
    given(reverted)
      .when(restore)
      .then({ type: 'OperationRestored', data: { operation: 'x', by: 'rr' } });
    given().when(restore).thenNothing();
    given(reverted, { type: 'OperationRestored', data: { operation: 'x', by: 'rr' } })
      .when(revert)
      .then({ type: 'OperationReverted', data });
  });
});
