import { LEASE_SECONDS } from '#operations';
import { sql, type Database, type Sql } from '#storage';

/**
 * What the scheduler writes, in the writer's transaction. Each is a compare-and-set: of two workers that want the same, one
 * gets it. Leases are counted in seconds since the machine started, which all processes on it share and no clock step moves.
 */
export interface PlanJob {
  name: string;
  schedule: string;
  due_at: string;
  /** The plan that this one replaces, as it was read. */
  was: string | null;
}

/** When a job runs next. */
export function planJob(db: Database, { name, schedule, due_at, was }: PlanJob): boolean {
  db.run(sql`INSERT INTO job_runs (name) VALUES (${name}) ON CONFLICT (name) DO NOTHING`);
  const { changes } = db.run(
    sql`UPDATE job_runs SET schedule = ${schedule}, due_at = ${due_at}, attempts = 0
        WHERE name = ${name} AND due_at IS ${was}`,
  );
  return changes === 1;
}

export interface ClaimJob {
  name: string;
  /** The run that is due; `null` for one that was asked for. */
  due_at: string | null;
  operation_id: string;
  time: string;
  uptime: number;
}

/** Takes the lease of a job, where nobody else holds it; answers its fence, or `null`. */
export function claimJob(db: Database, { name, due_at, operation_id, time, uptime }: ClaimJob): number | null {
  db.run(sql`INSERT INTO job_runs (name) VALUES (${name}) ON CONFLICT (name) DO NOTHING`);
  const due: Sql = due_at === null ? sql`1` : sql`due_at IS ${due_at}`;
  const row = db.one<{ fence: number }>(
    sql`UPDATE job_runs SET fence = fence + 1, lease_until = ${uptime + LEASE_SECONDS},
          attempts = attempts + ${due_at === null ? 0 : 1},
          operation_id = ${operation_id}, started_at = ${time}, finished_at = NULL, result = NULL
        WHERE name = ${name} AND ${due} AND ${free(uptime)} RETURNING fence`,
  );
  return row?.fence ?? null;
}

/** A lease further ahead than any can be is from before the machine started anew. */
const free = (uptime: number): Sql =>
  sql`(lease_until IS NULL OR lease_until NOT BETWEEN ${uptime} AND ${uptime + LEASE_SECONDS + 1})`;

export interface HoldJob {
  name: string;
  fence: number;
  uptime: number;
}

/** Renews a lease; `false`: somebody else holds it by now. */
export function renewJob(db: Database, { name, fence, uptime }: HoldJob): boolean {
  const { changes } = db.run(
    sql`UPDATE job_runs SET lease_until = ${uptime + LEASE_SECONDS}
        WHERE name = ${name} AND fence = ${fence} AND lease_until IS NOT NULL`,
  );
  return changes === 1;
}

export interface EndJob {
  name: string;
  fence: number;
  /** `null`: it was interrupted, and is due as it was. */
  result: 'succeeded' | 'failed' | null;
  time: string;
  /** When it runs next, where this was a run that was due. */
  next: { schedule: string; due_at: string } | null;
}

/** Gives a lease back with the result of the run; `false`: somebody else holds it by now, and nothing is written. */
export function endJob(db: Database, { name, fence, result, time, next }: EndJob): boolean {
  const { changes } = db.run(
    sql`UPDATE job_runs SET lease_until = NULL, finished_at = ${time}, result = ${result},
          last_success_at = CASE WHEN ${result} = 'succeeded' THEN ${time} ELSE last_success_at END
        WHERE name = ${name} AND fence = ${fence} AND lease_until IS NOT NULL`,
  );
  if (changes === 1 && next !== null)
    db.run(
      sql`UPDATE job_runs SET schedule = ${next.schedule}, due_at = ${next.due_at}, attempts = 0 WHERE name = ${name}`,
    );
  return changes === 1;
}
