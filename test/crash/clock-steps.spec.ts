import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inspect } from '../support/inspect.js';
import { client, startServer, temporaryDirectory, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const DAY = 24 * 3600 * 1000;
const CLOCK = pathToFileURL(join(process.cwd(), 'test/support/clock.mjs')).href;

describe('While the clock steps by days, forwards and backwards,', () => {
  const file = join(temporaryDirectory(), 'clock');
  const step = (milliseconds: number): void => writeFileSync(file, String(milliseconds));
  let server: TestServer;
  const written: { version: number; position: number; time: string }[] = [];
  beforeAll(async () => {
    step(0);
    server = await startServer({ NODE_OPTIONS: `--import=${CLOCK}`, CLOCK_FILE: file });
    await client(server).post('/v1/sessions').send({ session_id: 's', app_name: 'clock', user_id: 'u' }).expect(201);
    for (const off of [0, DAY, -DAY, 0, 3 * DAY, -3 * DAY, 0]) {
      step(off);
      await write(off);
    }
  }, 180_000);
  afterAll(() => server.kill());

  async function write(off: number): Promise<void> {
    const { body, headers } = await client(server)
      .put('/v1/memories/user:u/clock')
      .send({ value: { off, n: written.length } })
      .expect(written.length === 0 ? 201 : 200);
    const { version, updated_at } = body as { version: number; updated_at: string };
    written.push({ version, position: Number(headers['x-position']), time: updated_at });
    const event = { event_type: 'message', actor: 'user', content: { n: written.length }, state_delta: { off } };
    await client(server).post('/v1/sessions/s/events').send(event).expect(201);
  }

  it('the program goes by that clock', () => {
    const days = written.map(({ time }) => Math.round((Date.parse(time) - Date.now()) / DAY));
    expect(days.filter((day) => day > 0).length).toBeGreaterThan(0);
  });

  it('versions and positions grow by one another, whatever the time is said to be', () => {
    expect(written.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    const positions = written.map(({ position }) => position);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
    expect(new Set(positions).size).toBe(7);
  });

  it('history, session and log are in the order in which things happened', async () => {
    const { body: history } = await client(server).get('/v1/memories/user:u/clock/history');
    expect((history.items as { version: number }[]).map(({ version }) => version)).toEqual([7, 6, 5, 4, 3, 2, 1]);
    const { body: session } = await client(server).get('/v1/sessions/s?num_recent_events=100');
    const turns = (session.events as { content: { n: number } }[]).map(({ content }) => content.n);
    expect(turns).toEqual([1, 2, 3, 4, 5, 6, 7]);
    const { body: log } = await client(server).get('/v1/audit/events?limit=1000');
    const positions = (log.items as { position: number }[]).map(({ position }) => position);
    expect(positions).toEqual(positions.map((_, index) => index + 1));
  });

  it('the past is asked for by position, and is what it was', async () => {
    for (const { position, version } of written) {
      const { body } = await client(server).get(`/v1/memories/user:u/clock?as_of=${position}`).expect(200);
      expect(body.version).toBe(version);
    }
  });

  it('a life time counts by the clock that is shown, and what has ended is gone', async () => {
    step(0);
    const memory = { namespace: 'user:u', key: 'brief', memory_type: 'episodic', ttl_seconds: 3600, value: { n: 1 } };
    await client(server).post('/v1/memories').send(memory).expect(201);
    step(-DAY);
    await client(server).get('/v1/memories/user:u/brief').expect(200);
    step(DAY);
    await client(server).get('/v1/memories/user:u/brief').expect(404);
    step(0);
  });

  it('jobs run, none of them waits for a time that only the wrong clock has seen', async () => {
    const { body: begun } = await client(server).post('/v1/admin/jobs/expire-memories/run').expect(202);
    step(-DAY);
    await until('the job has ended', async () => {
      const { body } = await client(server).get(`/v1/operations/${begun.id}`);
      return body.status === 'succeeded';
    });
    step(0);
    await until('every job is planned within its schedule again', async () => {
      const { body } = await client(server).get('/v1/admin/jobs');
      const daily = (body as { name: string; next_run_at: string }[]).filter(({ name }) => name === 'expire-memories');
      return daily.every(({ next_run_at }) => Date.parse(next_run_at) - Date.now() <= DAY + 60_000);
    });
  });

  it('a task that is under way has its lease, and can be ended, when the clock goes back', async () => {
    const { body: task } = await client(server).post('/v1/tasks').send({ prompt: 'Look at the clock' }).expect(201);
    const { body: claimed } = await client(server).post('/v1/tasks/claim').send({ agent_id: 'a1' }).expect(200);
    expect(claimed.task_id).toBe(task.task_id);
    step(-DAY);
    await client(server)
      .put(`/v1/tasks/${task.task_id}/status`)
      .send({ status: 'completed', agent_id: 'a1', result_data: { ok: true } })
      .expect(200);
    step(0);
  });

  it('everything holds together, before and after a start with the clock set back', async () => {
    expect((await client(server).post('/v1/audit/verify')).body).toMatchObject({ ok: true });
    expect(await server.stop()).toBe(0);
    step(-2 * DAY);
    const again = await startServer({
      NODE_OPTIONS: `--import=${CLOCK}`,
      CLOCK_FILE: file,
      ABATHUR_DB_PATH: server.path,
    });
    server = again;
    await client(server)
      .put('/v1/memories/user:u/clock')
      .send({ value: { when: 'after' } })
      .expect(200);
    expect(await server.stop()).toBe(0);
    expect(inspect(server.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});
