import { describe, it } from '@jest/globals';
import { specify } from '../../../test/support/given.js';
import { erasure, type ErasureCommand } from './erasure.decider.js';
import type { ErasureEvent, SubjectErased } from './erasure.events.js';

const data: SubjectErased['data'] = {
  erasure_id: 'e',
  subject_kind: 'user',
  subject_ref: '0'.repeat(64),
  reason: 'Request 7',
  requested_by: 'operator',
  requested_at: '2026-01-01T00:00:00.000Z',
  entries: 1,
  ranges: [[1, 1, 'a'.repeat(16), 'a'.repeat(16)]],
  counts: { audit: 1 },
};
const order: ErasureCommand = { type: 'EraseSubject', ...data };
const ordered: ErasureEvent = { type: 'SubjectErased', data };
const complete: ErasureCommand = { type: 'CompleteErasure', erasure_id: 'e', result: { audit: 1 } };
const completed: ErasureEvent = { type: 'ErasureCompleted', data: { erasure_id: 'e', result: { audit: 1 } } };

describe('R-A1 An erasure', () => {
  const { given } = specify(erasure);

  it('is ordered once', () => {
    given().when(order).then(ordered);
    given(ordered).when(order).thenNothing();
    given(ordered, completed).when(order).thenNothing();
  });

  it('is completed once, and only when it was ordered', () => {
    given(ordered).when(complete).then(completed);
    given(ordered, completed).when(complete).thenNothing();
    given().when(complete).thenFails('not-found', 'erasure-not-found');
  });
});
