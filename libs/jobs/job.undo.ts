import type { Undoes } from '#audit-log';
import type { JobConfigured } from './job.events.js';

export const jobUndoes: Undoes<JobConfigured> = {
  JobConfigured: () => ({ keep: 'when a job runs is changed by whoever answers for it' }),
};
