import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database, sql } from '#storage';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';
import { holds } from '../support/until.js';

const JOB = '/v1/admin/jobs/expire-memories';

interface JobView {
  name: string;
  schedule: string;
  enabled: boolean;
  next_run_at: string | null;
  last_run: { operation_id: string; status: string; finished_at: string | null } | null;
}

const jobOf = async (server: TestServer): Promise<JobView> => {
  const { body } = await client(server).get('/v1/admin/jobs').expect(200);
  return (body as JobView[]).find(({ name }) => name === 'expire-memories')!;
};

describe('R-M12 Jobs', () => {
  let server: TestServer;
  const api = () => client(server);
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  it('are listed with when they run and what they do', async () => {
    expect(await jobOf(server)).toEqual({
      name: 'expire-memories',
      description: expect.stringMatching(/\.$/),
      schedule: '10 3 * * *',
      default_schedule: '10 3 * * *',
      enabled: true,
      changed_by: null,
      changed_at: null,
      next_run_at: expect.stringMatching(/T03:10:00\.000Z$/),
      last_run: null,
      last_success_at: null,
    });
  });

  it('are rescheduled and switched off, and the log says by whom', async () => {
    const changed = await api().put(JOB).set('x-correlation-id', 'ops-7').send({ schedule: '0 5 * * 1' });
    expect(changed.body).toMatchObject({ schedule: '0 5 * * 1', enabled: true, changed_by: 'anonymous' });
    expect(changed.headers['etag']).toBe('"1"');
    expectProblem(await api().put(JOB).set('if-match', '"7"').send({ enabled: false }), 412);
    const off = await api().put(JOB).set('if-match', '"1"').send({ enabled: false });
    expect(off.body).toMatchObject({ schedule: '0 5 * * 1', enabled: false, next_run_at: null });
    expect((await api().put(JOB).send({ enabled: false })).headers['etag']).toBe('"2"');
    const { items } = (await api().get('/v1/audit/events?type=JobConfigured&order=desc')).body;
    expect(items).toMatchObject([
      { data: { name: 'expire-memories', enabled: false }, actor: 'anonymous' },
      { data: { schedule: '0 5 * * 1' }, correlation_id: 'ops-7' },
    ]);
    await api().put(JOB).send({ schedule: '10 3 * * *', enabled: true });
  });

  it('run when they are asked to, as an operation', async () => {
    const begun = await api().post(`${JOB}/run`).expect(202);
    expect(begun.headers['location']).toBe(`/v1/operations/${begun.body.id}`);
    await holds(async () => (await api().get(begun.headers['location']!)).body.status === 'succeeded');
    expect((await jobOf(server)).last_run).toMatchObject({ operation_id: begun.body.id, status: 'succeeded' });
    const { items } = (await api().get('/v1/operations?kind=job.expire-memories&status=succeeded')).body;
    expect(items).toMatchObject([{ id: begun.body.id }]);
  });

  it('show in the metrics when they went well last', async () => {
    const { text } = await api().get('/metrics');
    expect(text).toMatch(/^abathur_job_last_success_timestamp_seconds\{job="expire-memories"\} \d+/m);
    expect(text).toMatch(/^abathur_job_enabled\{job="expire-memories"\} 1$/m);
    expect(text).toMatch(/^abathur_operations_total\{kind="job\.expire-memories",result="succeeded"\} \d+/m);
    expect(text).toMatch(/^abathur_operation_duration_seconds_count\{kind="job\.expire-memories"\} \d+/m);
  });

  it('that there are not are refused with those that there are', async () => {
    for (const answer of [
      await api().put('/v1/admin/jobs/none').send({ enabled: false }),
      await api().post('/v1/admin/jobs/none/run'),
    ]) {
      expectProblem(answer, 404, { code: 'job-not-found' });
      expect(answer.body.hint).toContain('expire-memories');
    }
  });

  it('R-M11 R-M12 of consolidation run when they are due, and say what they did', async () => {
    for (const [key, text] of [
      ['a', 'Jo lives in Oslo.'],
      ['b', 'Jo lives in Oslo.'],
    ] as const)
      await api().put(`/v1/memories/user:jo:${key}/home`).send({ value: { text } }).expect(201);
    const names = ['scan-duplicates', 'consolidate-episodes', 'archive-memories'];
    const db = Database.open({ path: server.path });
    await holds(async () => db.all(sql`SELECT name FROM job_runs WHERE due_at IS NOT NULL`).length >= names.length);
    db.run(
      sql`UPDATE job_runs SET due_at = '2020-01-01T00:00:00.000Z'
          WHERE name IN (SELECT value FROM json_each(${JSON.stringify(names)}))`,
    );
    db.close();
    const runs = async (): Promise<(JobView['last_run'] | undefined)[]> => {
      const { body } = await api().get('/v1/admin/jobs').expect(200);
      return names.map((wanted) => (body as JobView[]).find(({ name }) => name === wanted)?.last_run);
    };
    await holds(async () => (await runs()).every((run) => run?.status === 'succeeded'));
    const [scan] = await runs();
    const { body } = await api().get(`/v1/operations/${scan!.operation_id}`).expect(200);
    expect(body.result).toMatchObject({ dry_run: false, found: 1, flagged: 1 });
    const { items } = (await api().get('/v1/memories/conflicts?namespace_prefix=user:jo')).body;
    expect(items).toMatchObject([{ kind: 'duplicate', status: 'open' }]);
  });

  it('come through a restart as they were set', async () => {
    await api().put(JOB).send({ schedule: '0 6 * * *' });
    await server.stop();
    server = await startServer({ ABATHUR_DB_PATH: server.path });
    expect(await jobOf(server)).toMatchObject({ schedule: '0 6 * * *', last_run: { status: 'succeeded' } });
  });
});

describe('R-M12 Two worker processes on one file', () => {
  let server: TestServer;
  let workers: ChildProcess[];
  let db: Database;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off', ABATHUR_DB_SYNCHRONOUS: 'NORMAL' });
    const env = { ...process.env, ABATHUR_DB_PATH: server.path, ABATHUR_LOG_LEVEL: 'warn' };
    workers = [1, 2].map(() =>
      spawn(process.execPath, [join(process.cwd(), 'dist/apps/worker/main.js')], { env, stdio: 'ignore' }),
    );
    db = Database.open({ path: server.path, synchronous: 'NORMAL' });
  });
  afterAll(async () => {
    db.close();
    const exits = workers.map((worker) => once(worker, 'exit'));
    workers.forEach((worker) => worker.kill('SIGTERM'));
    await Promise.all(exits);
    await server.stop();
  });

  const runs = (): number =>
    db.one<{ count: number }>(sql`SELECT count(*) AS count FROM operations WHERE kind = 'job.expire-memories'`)!.count;
  const plan = (): string | null =>
    db.one<{ due_at: string | null }>(sql`SELECT due_at FROM job_runs WHERE name = 'expire-memories'`)?.due_at ?? null;
  const becomeDue = (): unknown =>
    db.run(sql`UPDATE job_runs SET due_at = '2020-01-01T00:00:00.000Z' WHERE name = 'expire-memories'`);

  it('run each job that is due once, and a job of a dead worker again', async () => {
    await holds(async () => plan() !== null);
    for (let round = 1; round <= 4; round++) {
      becomeDue();
      await holds(async () => plan()! > '2021' && (await jobOf(server)).last_run?.status === 'succeeded');
      // Both have looked by now.
      await sleep(1100);
      expect(runs()).toBe(round);
    }
    // What a worker leaves behind that was killed in the middle of a run.
    db.run(
      sql`UPDATE job_runs SET lease_until = 0, result = NULL, finished_at = NULL, due_at = '2020-01-01T00:00:00.000Z'
          WHERE name = 'expire-memories'`,
    );
    await holds(async () => runs() === 5 && (await jobOf(server)).last_run?.status === 'succeeded');
  });
});
