import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { client, startServer, temporaryDirectory, type TestServer } from '../support/server.js';

const TASKS = 1000;
const CLAIMERS = 50;

/** A task, and where in the log it was submitted or given. */
interface Placed {
  task_id: string;
  priority: number;
  position: number;
}

describe('R-C1 Task state', () => {
  describe('with fifty claimers in two processes on one file, and a thousand tasks', () => {
    const path = `${temporaryDirectory()}/abathur.db`;
    let servers: TestServer[];
    let submitted: Placed[];
    let given: Placed[];

    beforeAll(async () => {
      const environment = { ABATHUR_DB_PATH: path, ABATHUR_DB_SYNCHRONOUS: 'NORMAL', ABATHUR_BACKGROUND: 'off' };
      servers = [await startServer(environment), await startServer(environment)];
      const tasks = Array.from({ length: TASKS }, (_, n) => ({ task_id: `t${n}`, priority: ((n * 7) % 10) + 1 }));
      // Not more at once than a server always lets in, however slow the machine is.
      const lanes = Array.from({ length: CLAIMERS }, (_, lane) => tasks.filter((__, n) => n % CLAIMERS === lane));
      const each = lanes.map(async (own, lane) => {
        const placedHere: Placed[] = [];
        for (const task of own) placedHere.push(await submit(servers[lane % 2]!, task));
        return placedHere;
      });
      submitted = (await Promise.all(each)).flat();
      const claimers = Array.from({ length: CLAIMERS }, (_, n) => claimAll(servers[n % 2]!, `agent-${n}`));
      given = (await Promise.all(claimers)).flat();
    });
    afterAll(async () => {
      await Promise.all(servers.map((server) => server.stop()));
    });

    it('R-T2 gives each task once', () => {
      expect(given).toHaveLength(TASKS);
      expect(new Set(given.map(({ task_id }) => task_id)).size).toBe(TASKS);
    });

    it('R-T2 gives them in order: the highest priority first, among these the oldest', () => {
      const order = given.toSorted((a, b) => a.position - b.position);
      const expected = submitted.toSorted((a, b) => a.priority - b.priority || a.position - b.position);
      expect(order.map(({ task_id }) => task_id)).toEqual(expected.map(({ task_id }) => task_id));
    });

    it('R-T2 leaves every one of them with whoever it was given to, and the log sound', async () => {
      const api = client(servers[1]!);
      const { body } = await api.get('/v1/tasks').query({ status: 'running', limit: 1000 }).expect(200);
      expect(body.items).toHaveLength(TASKS);
      expect(body.items.every(({ agent_id }: { agent_id: string }) => /^agent-\d+$/.test(agent_id))).toBe(true);
      expect((await api.post('/v1/audit/verify').expect(200)).body).toMatchObject({ ok: true });
    });
  });

  describe('along the life of a task', () => {
    let server: TestServer;
    let api: ReturnType<typeof client>;
    beforeAll(async () => {
      server = await startServer();
      api = client(server);
    });
    afterAll(() => server.stop());

    it('is told at every moment of it, now and later', async () => {
      const created = await api.post('/v1/tasks').send({ prompt: 'Count the beans', max_retries: 1 }).expect(201);
      const id = created.body.task_id as string;
      const moments = [position(created)];
      const step = async (body: object): Promise<void> => {
        moments.push(position(await api.put(`/v1/tasks/${id}/status`).send(body).expect(200)));
      };
      await step({ status: 'running', agent_id: 'a1' });
      await step({ status: 'failed', error_message: 'lost count', agent_id: 'a1' });
      await step({ status: 'running', agent_id: 'a2' });
      await step({ status: 'completed', result_data: { beans: 42 }, agent_id: 'a2' });
      const told = [];
      for (const as_of of moments) told.push((await api.get(`/v1/tasks/${id}`).query({ as_of }).expect(200)).body);
      expect(told).toMatchObject([
        { status: 'pending', version: 1, agent_id: null },
        { status: 'running', version: 2, agent_id: 'a1' },
        { status: 'pending', version: 3, agent_id: null, retry_count: 1, error_message: 'lost count' },
        { status: 'running', version: 4, agent_id: 'a2', retry_count: 1 },
        { status: 'completed', version: 5, agent_id: 'a2', result_data: { beans: 42 }, error_message: null },
      ]);
      expect((await api.get(`/v1/tasks/${id}`)).body).toEqual(told.at(-1));
      const { body } = await api.get('/v1/audit/events').query({ task_id: id, order: 'asc' }).expect(200);
      const types = body.items
        .map(({ type }: { type: string }) => type)
        .filter((type: string) => type.startsWith('Task'));
      expect(types).toEqual(['TaskSubmitted', 'TaskStarted', 'TaskRetried', 'TaskStarted', 'TaskCompleted']);
    });
  });
});

async function submit(server: TestServer, task: Pick<Placed, 'task_id' | 'priority'>): Promise<Placed> {
  const answer = await post(server, '/v1/tasks', { ...task, prompt: 'Do it', agent_type: 'counter' });
  return placed(answer);
}

async function claimAll(server: TestServer, agent_id: string): Promise<Placed[]> {
  const given: Placed[] = [];
  for (;;) {
    const answer = await post(server, '/v1/tasks/claim', { agent_id, agent_type: 'counter' });
    if (answer.status === 204) return given;
    given.push(await placed(answer));
  }
}

const placed = async (answer: Response): Promise<Placed> => ({
  ...((await answer.json()) as Placed),
  position: Number(answer.headers.get('x-position')),
});

async function post({ url }: TestServer, path: string, body: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
  return answer;
}

const position = ({ headers }: { headers: Record<string, string> }): number => Number(headers['x-position']);
