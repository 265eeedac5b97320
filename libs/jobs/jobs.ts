import { randomUUID } from 'node:crypto';
import { decideStep, type Decision, type SqliteAuditLog, type Written } from '#audit-log';
import { conflict, DomainError, type Caller } from '#kernel';
import { LEASE_SECONDS, machineSeconds, type Operation, type Operations, type Report } from '#operations';
import type { ReadSide } from '#storage';
import type { ClaimJob, EndJob, HoldJob, PlanJob } from './job.chores.js';
import { job } from './job.decider.js';
import type { JobSettings } from './job.events.js';
import { jobRows, type JobRow, type JobRun } from './job.reads.js';
import { nextRun, parseSchedule } from './schedule.js';

/** Something that is done again and again. */
export interface JobDefinition {
  /** For instance `expire-memories`. */
  name: string;
  /** What it does, in a sentence. */
  description: string;
  /** Five cron fields, in UTC, unless somebody says otherwise. */
  schedule: string;
  run(report: Report, run: JobRunOptions): Promise<object>;
}

export interface JobRunOptions {
  /** Tell what would be done, and do nothing. */
  dry_run: boolean;
  /** The operation's id, for the caller of what the run writes: `systemCaller(id)`. */
  id: string;
  /** Aborted when the run must stop: the program stops, or another worker has taken the job over. */
  signal: AbortSignal;
}

/** A job as one can read it. */
export interface JobView extends JobSettings {
  name: string;
  description: string;
  /** How the program has it where nobody changes it. */
  default_schedule: string;
  /** Who changed it last, and when. */
  changed_by: string | null;
  changed_at: string | null;
  /** ISO-8601 UTC; `null` while it is switched off. */
  next_run_at: string | null;
  last_run: JobRunView | null;
  last_success_at: string | null;
}

export interface JobRunView {
  operation_id: string;
  status: Operation['status'];
  started_at: string;
  finished_at: string | null;
}

/** A worker renews its lease this often, in milliseconds. */
const RENEW_EVERY = 10_000;
/** How often a run that is due may be interrupted before the next one is waited for. */
const MAX_ATTEMPTS = 3;

/**
 * Runs jobs when they are due, each by one worker at a time, however many look. Who runs a job holds its lease; a worker
 * that dies stops renewing it, and another one begins the run again.
 */
export class Jobs {
  private readonly stopping = new AbortController();
  private readonly running = new Set<Promise<unknown>>();

  constructor(
    private readonly definitions: JobDefinition[],
    private readonly log: Pick<SqliteAuditLog, 'chore' | 'execute'>,
    private readonly reads: Pick<ReadSide, 'point'>,
    private readonly operations: Pick<Operations, 'start' | 'again'>,
    /** ISO-8601 UTC. */
    private readonly clock: () => string = () => new Date().toISOString(),
  ) {}

  list(): JobView[] {
    const rows = this.reads.point(jobRows, null);
    return this.definitions.map((definition) => view(definition, rows.get(definition.name), this.clock()));
  }

  get(name: string): JobView {
    return view(this.definition(name), this.reads.point(jobRows, null).get(name), this.clock());
  }

  /** Gives a job another schedule, or switches it on or off. */
  async configure(by: Caller, name: string, change: Partial<JobSettings>): Promise<Written<JobView>> {
    const { schedule } = this.definition(name);
    const command = { type: 'ConfigureJob' as const, name, ...change, original: { schedule, enabled: true } };
    const step = decideStep(job, command, { expected: by.if_match });
    const { results, replayed } = await this.log.execute({ caller: by, steps: [step] });
    const { version, position } = results[0] as Decision;
    return { value: this.get(name), version, position, repeated: replayed };
  }

  /** Runs a job now, whatever its schedule says; refused while it runs. A dry run changes nothing, so it needs no lease. */
  async start(name: string, { dry_run, by }: { dry_run: boolean; by?: Caller }): Promise<Operation> {
    const definition = this.definition(name);
    const before = await this.operations.again(by);
    if (before !== undefined) return before;
    if (!dry_run) {
      const operation = await this.claim(definition, null, by);
      if (operation !== undefined) return operation;
      throw conflict('job-running', `${name} is running already.`, 'GET /v1/admin/jobs says which operation it is.');
    }
    const { signal } = this.stopping;
    return this.operations.start(kindOf(name), (report, id) => definition.run(report, { dry_run, id, signal }), by);
  }

  /** Looks which jobs are due, and begins those that nobody else has begun. */
  async tick(): Promise<void> {
    const now = this.clock();
    const rows = this.reads.point(jobRows, null);
    for (const definition of this.definitions) {
      const row = rows.get(definition.name);
      const { schedule, enabled } = settingsOf(definition, row);
      const run = row?.run ?? NEVER;
      if (isHeld(run)) continue;
      const next = nextRun(parseSchedule(schedule), now)!;
      const isDue = run.due_at !== null && run.due_at <= now;
      // A plan too far ahead is from a clock that was wrong, one by another schedule from before that was changed.
      const replan =
        run.due_at === null ||
        run.schedule !== schedule ||
        run.due_at > next ||
        (isDue && (!enabled || run.attempts >= MAX_ATTEMPTS));
      if (replan) {
        const plan: PlanJob = { name: definition.name, schedule, due_at: next, was: run.due_at };
        await this.log.chore('plan-job', plan);
      } else if (isDue) await this.claim(definition, run.due_at);
    }
  }

  /** Asks what runs here to stop, and waits until it has. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.running);
  }

  private async claim(definition: JobDefinition, due_at: string | null, by?: Caller): Promise<Operation | undefined> {
    const id = randomUUID();
    const { name } = definition;
    const claim: ClaimJob = {
      name,
      due_at,
      operation_id: id,
      time: this.clock(),
      uptime: machineSeconds(),
    };
    const fence = await this.log.chore<number | null>('claim-job', claim);
    if (fence === null) return undefined;
    return this.operations.start(
      kindOf(name),
      (report) => {
        const run = this.hold(definition, { fence, due: due_at !== null, id, report });
        const settled = run.then(
          () => undefined,
          () => undefined,
        );
        this.running.add(settled);
        void settled.then(() => this.running.delete(settled));
        return run;
      },
      by,
      id,
    );
  }

  private async hold(
    definition: JobDefinition,
    { fence, due, id, report }: { fence: number; due: boolean; id: string; report: Report },
  ): Promise<object> {
    const { name } = definition;
    const lost = new AbortController();
    const renewing = setInterval(
      () => void this.renew({ name, fence, uptime: machineSeconds() }, lost),
      RENEW_EVERY,
    ).unref();
    const end = (result: EndJob['result']): Promise<boolean> => {
      const time = this.clock();
      const { schedule } = settingsOf(definition, this.reads.point(jobRows, null).get(name));
      const next = due && result !== null ? { schedule, due_at: nextRun(parseSchedule(schedule), time)! } : null;
      return this.log.chore('end-job', { name, fence, result, time, next } satisfies EndJob);
    };
    try {
      const signal = AbortSignal.any([this.stopping.signal, lost.signal]);
      const result = await definition.run(report, { dry_run: false, id, signal });
      if (await end('succeeded')) return result;
      throw takenOver(name);
    } catch (error) {
      const stopped = this.stopping.signal.aborted && !(error instanceof DomainError);
      await end(stopped ? null : 'failed').catch(() => false);
      throw lost.signal.aborted ? takenOver(name) : error;
    } finally {
      clearInterval(renewing);
    }
  }

  /** A renewal that cannot be written changes nothing: the lease runs on until it ends. */
  private async renew(hold: HoldJob, lost: AbortController): Promise<void> {
    const held = await this.log.chore<boolean>('renew-job', hold).catch(() => true);
    if (!held) lost.abort();
  }

  private definition(name: string): JobDefinition {
    const definition = this.definitions.find((one) => one.name === name);
    if (definition !== undefined) return definition;
    throw new DomainError('not-found', 'job-not-found', `There is no job ${name.slice(0, 100)}.`, {
      hint: `Jobs: ${this.definitions.map((one) => one.name).join(', ')}.`,
    });
  }
}

const kindOf = (name: string): string => `job.${name}`;

const takenOver = (name: string): DomainError =>
  conflict('job-taken-over', `Another worker has taken ${name} over, because this one was silent for too long.`);

const isHeld = ({ lease_until }: JobRun): boolean => {
  const now = machineSeconds();
  return lease_until !== null && lease_until >= now && lease_until <= now + LEASE_SECONDS + 1;
};

const settingsOf = ({ schedule }: JobDefinition, row: JobRow | undefined): JobSettings =>
  row?.settings ?? { schedule, enabled: true };

const NEVER: JobRun = {
  schedule: null,
  due_at: null,
  attempts: 0,
  fence: 0,
  lease_until: null,
  operation_id: null,
  started_at: null,
  finished_at: null,
  result: null,
  last_success_at: null,
};

function view(definition: JobDefinition, row: JobRow | undefined, now: string): JobView {
  const { name, description } = definition;
  const { schedule, enabled } = settingsOf(definition, row);
  const run = row?.run ?? NEVER;
  const planned = run.schedule === schedule ? run.due_at : null;
  return {
    name,
    description,
    schedule,
    default_schedule: definition.schedule,
    enabled,
    changed_by: row?.settings?.updated_by ?? null,
    changed_at: row?.settings?.updated_at ?? null,
    next_run_at: enabled ? (planned ?? nextRun(parseSchedule(schedule), now)) : null,
    last_run: lastRun(run),
    last_success_at: run.last_success_at,
  };
}

function lastRun(run: JobRun): JobRunView | null {
  const { operation_id, started_at, finished_at, result } = run;
  if (operation_id === null || started_at === null) return null;
  return { operation_id, status: result ?? (isHeld(run) ? 'running' : 'interrupted'), started_at, finished_at };
}
