import { projector } from '#projections';
import { sql } from '#storage';
import type { JobConfigured } from './job.events.js';

/** Table `jobs`. */
export const jobsProjector = projector<JobConfigured>('jobs', {
  mode: 'inline',
  tables: ['jobs'],
  on: {
    JobConfigured: ({ data: { name, schedule, enabled }, position, actor, time }) => [
      sql`INSERT INTO jobs (id, name, schedule, enabled, updated_by, updated_at)
          VALUES (${position}, ${name}, ${schedule}, ${enabled ? 1 : 0}, ${actor}, ${time})
          ON CONFLICT (name) DO UPDATE SET schedule = excluded.schedule, enabled = excluded.enabled,
            updated_by = excluded.updated_by, updated_at = excluded.updated_at`,
    ],
  },
});
