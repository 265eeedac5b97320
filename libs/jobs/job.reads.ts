import { defineRead, sql } from '#storage';
import type { JobSettings } from './job.events.js';

/** What the database knows of a job: what somebody changed, and its runs. */
export interface JobRow {
  name: string;
  /** Where somebody has changed it. */
  settings: (JobSettings & { updated_by: string; updated_at: string }) | null;
  run: JobRun | null;
}

export interface JobRun {
  /** By which `due_at` was planned. */
  schedule: string | null;
  /** ISO-8601 UTC. */
  due_at: string | null;
  attempts: number;
  fence: number;
  /** Seconds since the machine started; `null`: nobody holds it. */
  lease_until: number | null;
  operation_id: string | null;
  started_at: string | null;
  finished_at: string | null;
  result: 'succeeded' | 'failed' | null;
  last_success_at: string | null;
}

/** All jobs that the database knows: some dozen rows at most. */
export const jobRows = defineRead('jobs.rows', (db, _: null): Map<string, JobRow> => {
  const rows = new Map<string, JobRow>();
  const row = (name: string): JobRow => {
    if (!rows.has(name)) rows.set(name, { name, settings: null, run: null });
    return rows.get(name)!;
  };
  const settings = db.all<{ name: string; schedule: string; enabled: 0 | 1; updated_by: string; updated_at: string }>(
    sql`SELECT name, schedule, enabled, updated_by, updated_at FROM jobs LIMIT 1000`,
  );
  for (const { name, enabled, ...rest } of settings) row(name).settings = { ...rest, enabled: enabled === 1 };
  const runs = db.all<{ name: string } & JobRun>(
    sql`SELECT name, schedule, due_at, attempts, fence, lease_until, operation_id, started_at, finished_at, result,
          last_success_at FROM job_runs LIMIT 1000`,
  );
  for (const { name, ...run } of runs) row(name).run = run;
  return rows;
});

export const jobReads = [jobRows];
