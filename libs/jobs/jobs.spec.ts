import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LEASE_SECONDS, Operations } from '#operations';
import { ReadSide, sql, type Read } from '#storage';
import { caller, openTestHouse, type TestHouse } from '../../test/support/house.js';
import { Jobs, type JobDefinition, type JobRunOptions } from './jobs.js';
import { holds } from '../../test/support/until.js';

const T0 = '2026-11-25T03:00:00.000Z';
const T1 = '2026-11-25T03:10:00.000Z';
const T2 = '2026-11-26T03:10:00.000Z';

describe('R-M12 A job', () => {
  let house: TestHouse;
  let runs: JobRunOptions[];
  let time: string;
  let work: (options: JobRunOptions) => Promise<object>;
  const opened: Operations[] = [];
  /** Another worker process on the file. */
  const worker = (): Jobs => {
    const pool = { run: async <I, A>(read: Read<I, A>, input: I) => read.run(house.db, input) };
    const reads = new ReadSide(house.db, pool as never);
    const operations = new Operations(house.log, reads, { started: () => undefined, ended: () => undefined });
    opened.push(operations);
    return new Jobs([definition], house.log, reads, operations, () => time);
  };
  const definition: JobDefinition = {
    name: 'sweep',
    description: 'Sweeps.',
    schedule: '10 3 * * *',
    run: async (_, options) => {
      runs.push(options);
      return work(options);
    },
  };
  beforeEach(() => {
    house = openTestHouse();
    runs = [];
    time = T0;
    work = async () => ({ swept: 3 });
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((operations) => operations.close()));
    house.close();
  });

  const tick = (jobs: Jobs, at: string): Promise<void> => {
    time = at;
    return jobs.tick();
  };
  const now = (jobs: Jobs) => jobs.get('sweep');
  const ended = (jobs: Jobs): Promise<unknown> => holds(() => now(jobs).last_run?.finished_at !== null);
  const change = (column: string, seconds: number): unknown =>
    house.db.run(sql`UPDATE job_runs SET ${{ text: column, params: [] }} = ${seconds}`);
  const never = (): Promise<object> => new Promise(() => undefined);
  const untilAborted = ({ signal }: JobRunOptions): Promise<object> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

  it('is planned first, and runs when it is due', async () => {
    const jobs = worker();
    await tick(jobs, T0);
    expect(now(jobs)).toMatchObject({ next_run_at: T1, last_run: null, enabled: true });
    await tick(jobs, '2026-11-25T03:09:59.999Z');
    expect(runs).toEqual([]);
    await tick(jobs, T1);
    await ended(jobs);
    expect(runs).toMatchObject([{ dry_run: false }]);
    expect(now(jobs)).toMatchObject({
      last_run: { status: 'succeeded', operation_id: runs[0]!.id },
      last_success_at: expect.any(String),
    });
  });

  it('runs once, however many workers look at once', async () => {
    const workers = Array.from({ length: 8 }, worker);
    for (const jobs of workers) await tick(jobs, T0);
    await Promise.all(workers.flatMap((jobs) => [tick(jobs, T1), tick(jobs, T1)]));
    await ended(workers[0]!);
    await Promise.all(workers.map((jobs) => tick(jobs, T1)));
    expect(runs).toHaveLength(1);
    expect(house.db.all(sql`SELECT 1 FROM operations`)).toHaveLength(1);
  });

  it('runs once after a long sleep, not once for each time that it missed', async () => {
    const jobs = worker();
    await tick(jobs, T0);
    await tick(jobs, '2027-02-03T00:00:00.000Z');
    await ended(jobs);
    await tick(jobs, '2027-02-03T00:00:01.000Z');
    expect(runs).toHaveLength(1);
  });

  it('is not begun while it runs, by nobody', async () => {
    work = never;
    const [one, other] = [worker(), worker()];
    await tick(one, T0);
    await tick(one, T1);
    await tick(other, T2);
    expect(runs).toHaveLength(1);
    await expect(other.start('sweep', { dry_run: false })).rejects.toMatchObject({ code: 'job-running' });
    expect(now(other).last_run).toMatchObject({ status: 'running', finished_at: null });
  });

  it('is begun again by another worker when its worker has died, but not for ever', async () => {
    work = never;
    const dead = Array.from({ length: 4 }, worker);
    await tick(dead[0]!, T0);
    for (const jobs of dead) {
      await tick(jobs, T1);
      change('lease_until', 0);
    }
    expect(runs).toHaveLength(3);
    expect(now(dead[0]!)).toMatchObject({ last_run: { status: 'interrupted' }, next_run_at: T2 });
  });

  it('is begun again when the lease is from before the machine started anew', async () => {
    work = never;
    await tick(worker(), T0);
    await tick(worker(), T1);
    change('lease_until', 2 ** 40);
    await tick(worker(), T1);
    expect(runs).toHaveLength(2);
  });

  it('that another worker has taken over ends without a trace of its own', async () => {
    let finish!: (result: object) => void;
    work = () => new Promise((resolve) => (finish = resolve));
    const [one, other] = [worker(), worker()];
    await tick(one, T0);
    await tick(one, T1);
    const slow = finish;
    change('lease_until', 0);
    await tick(other, T1);
    slow({ swept: 99 });
    await holds(() => opened[0]!.get(runs[0]!.id)!.status === 'failed');
    expect(opened[0]!.get(runs[0]!.id)!.error).toMatch(/taken sweep over/);
    expect(now(one).last_run).toMatchObject({ status: 'running', operation_id: runs[1]!.id });
    finish({ swept: 1 });
    await ended(one);
    expect(now(one).last_run).toMatchObject({ status: 'succeeded', operation_id: runs[1]!.id });
  });

  it('that failed waits for its next time', async () => {
    work = async () => {
      throw new Error('no');
    };
    const jobs = worker();
    await tick(jobs, T0);
    await tick(jobs, T1);
    await ended(jobs);
    expect(now(jobs)).toMatchObject({ last_run: { status: 'failed' }, last_success_at: null });
    await tick(jobs, T1);
    expect(runs).toHaveLength(1);
  });

  it('is interrupted when the program stops, and due for the next worker', async () => {
    work = untilAborted;
    const [one, other] = [worker(), worker()];
    await tick(one, T0);
    await tick(one, T1);
    await one.stop();
    expect(now(one).last_run).toMatchObject({ status: 'interrupted' });
    await tick(other, T1);
    expect(runs).toHaveLength(2);
  });

  it('is not led astray by a clock that was wrong for a while', async () => {
    const jobs = worker();
    await tick(jobs, '2036-01-01T00:00:00.000Z');
    expect(now(jobs).next_run_at).toBe('2036-01-01T03:10:00.000Z');
    await tick(jobs, T0);
    expect(now(jobs).next_run_at).toBe(T1);
    expect(runs).toEqual([]);
  });

  it('runs by the schedule that it was given, from then on', async () => {
    const jobs = worker();
    await tick(jobs, T0);
    const written = await jobs.configure(caller({ actor: 'olga' }), 'sweep', { schedule: '0 5 * * *' });
    expect(written.value).toMatchObject({ schedule: '0 5 * * *', default_schedule: '10 3 * * *', changed_by: 'olga' });
    await tick(jobs, T1);
    expect(runs).toEqual([]);
    expect(now(jobs).next_run_at).toBe('2026-11-25T05:00:00.000Z');
    await tick(jobs, '2026-11-25T05:00:00.000Z');
    await ended(jobs);
    expect(runs).toHaveLength(1);
  });

  it('does not run while it is switched off, nor at once when it is switched on again', async () => {
    const jobs = worker();
    await tick(jobs, T0);
    await jobs.configure(caller(), 'sweep', { enabled: false });
    await tick(jobs, '2026-11-25T12:00:00.000Z');
    expect(now(jobs)).toMatchObject({ enabled: false, next_run_at: null });
    await jobs.configure(caller(), 'sweep', { enabled: true });
    await tick(jobs, '2026-11-25T12:00:01.000Z');
    expect(now(jobs)).toMatchObject({ enabled: true, next_run_at: T2 });
    expect(runs).toEqual([]);
  });

  it('runs when it is asked to, and its schedule stays as it is', async () => {
    const jobs = worker();
    await tick(jobs, T0);
    const operation = await jobs.start('sweep', { dry_run: false });
    expect(operation).toMatchObject({ kind: 'job.sweep', status: 'running' });
    await ended(jobs);
    expect(now(jobs)).toMatchObject({ next_run_at: T1, last_run: { operation_id: operation.id } });
  });

  it('asked for a dry run leaves no trace but the operation', async () => {
    const jobs = worker();
    const operation = await jobs.start('sweep', { dry_run: true });
    await holds(() => opened[0]!.get(operation.id)!.status === 'succeeded');
    expect(runs).toMatchObject([{ dry_run: true, id: operation.id }]);
    expect(now(jobs)).toMatchObject({ last_run: null, last_success_at: null });
  });

  it('that nobody knows is refused, with those that there are', async () => {
    await expect(worker().start('nothing', { dry_run: true })).rejects.toMatchObject({
      code: 'job-not-found',
      details: { hint: 'Jobs: sweep.' },
    });
  });

  it('renewed by a holder that lost it is told so, and a renewal lasts for the lease', async () => {
    await house.log.chore('plan-job', { name: 'sweep', schedule: '* * * * *', due_at: T1, was: null });
    const claim = (uptime: number) =>
      house.log.chore<number | null>('claim-job', {
        name: 'sweep',
        due_at: T1,
        operation_id: `at-${uptime}`,
        time: T1,
        uptime,
      });
    const fence = (await claim(1000))!;
    expect(await claim(1000 + LEASE_SECONDS)).toBeNull();
    expect(await house.log.chore('renew-job', { name: 'sweep', fence, uptime: 1020 })).toBe(true);
    expect(await claim(1020 + LEASE_SECONDS)).toBeNull();
    expect(await claim(1021 + LEASE_SECONDS)).toBe(fence + 1);
    expect(await house.log.chore('renew-job', { name: 'sweep', fence, uptime: 1022 })).toBe(false);
    const end = { name: 'sweep', fence, result: 'succeeded', time: T1, next: null };
    expect(await house.log.chore('end-job', end)).toBe(false);
    expect(await house.log.chore('end-job', { ...end, fence: fence + 1 })).toBe(true);
    expect(await house.log.chore('end-job', { ...end, fence: fence + 1 })).toBe(false);
  });
});
