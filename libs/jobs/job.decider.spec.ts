import { describe, it } from '@jest/globals';
import { specify } from '../../test/support/given.js';
import { job, type JobCommand } from './job.decider.js';
import type { JobConfigured } from './job.events.js';

const { given } = specify(job);
const original = { schedule: '10 3 * * *', enabled: true };
const configure = (change: Partial<JobCommand>): JobCommand => ({
  type: 'ConfigureJob',
  name: 'sweep',
  original,
  ...change,
});
const off: JobConfigured = { type: 'JobConfigured', data: { name: 'sweep', schedule: '10 3 * * *', enabled: false } };

describe('R-M12 The settings of a job', () => {
  it('change one at a time, and the event tells both', () => {
    given()
      .when(configure({ enabled: false }))
      .then(off);
    given(off)
      .when(configure({ schedule: ' 0 5 * * 1 ' }))
      .then({ data: { schedule: '0 5 * * 1', enabled: false } });
  });

  it('that are as they were already are no event', () => {
    given()
      .when(configure({ schedule: '10 3 * * *', enabled: true }))
      .thenNothing();
    given(off)
      .when(configure({ enabled: false }))
      .thenNothing();
  });

  it('are not changed to a schedule that cannot be read, or never comes', () => {
    given()
      .when(configure({ schedule: 'daily' }))
      .thenFails('invalid', 'invalid-request');
    given()
      .when(configure({ schedule: '0 0 31 2 *' }))
      .thenFails('invalid', 'invalid-request');
  });
});
