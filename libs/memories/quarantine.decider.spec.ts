import { describe, it } from '@jest/globals';
import { specify } from '../../test/support/given.js';
import { quarantine, type QuarantineCommand } from './quarantine.decider.js';
import type { QuarantineEvent, QuarantineImposed } from './quarantine.events.js';

const data: QuarantineImposed['data'] = {
  quarantine_id: 'q',
  source: { session_id: 's' },
  reason: 'prompt injection',
  entries: [[3, 5]],
};
const impose: QuarantineCommand = { type: 'ImposeQuarantine', ...data };
const imposed: QuarantineEvent = { type: 'QuarantineImposed', data, about: { session_id: 's' } };
const lift: QuarantineCommand = { type: 'LiftQuarantine', quarantine_id: 'q' };
const lifted: QuarantineEvent = { type: 'QuarantineLifted', data: { quarantine_id: 'q' } };

describe('A quarantine', () => {
  const { given } = specify(quarantine);

  it('is imposed once, and says which session it is about', () => {
    given().when(impose).then(imposed);
    given(imposed).when(impose).thenNothing();
  });

  it('is lifted once, and only when it was imposed', () => {
    given(imposed).when(lift).then(lifted);
    given(imposed, lifted).when(lift).thenNothing();
    given().when(lift).thenFails('not-found', 'quarantine-not-found');
  });
});
