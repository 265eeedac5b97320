import { streamName, type Decider } from '#kernel';
import type { JobConfigured, JobSettings } from './job.events.js';
import { parseSchedule } from './schedule.js';

export interface JobCommand extends Partial<JobSettings> {
  type: 'ConfigureJob';
  name: string;
  /** How the program has it where nobody said otherwise. */
  original: JobSettings;
}

/** `null`: nobody has changed it. */
export type JobState = JobSettings | null;

export const job: Decider<JobCommand, JobConfigured, JobState> = {
  name: 'job',
  initial: null,
  stream: ({ name }) => streamName('job', name),

  decide({ name, original, schedule, enabled }, state) {
    const now = state ?? original;
    const wanted = { schedule: schedule?.trim() ?? now.schedule, enabled: enabled ?? now.enabled };
    parseSchedule(wanted.schedule);
    if (wanted.schedule === now.schedule && wanted.enabled === now.enabled) return [];
    return [{ type: 'JobConfigured', data: { name, ...wanted } }];
  },

  evolve: (_, { data: { schedule, enabled } }) => ({ schedule, enabled }),
};
