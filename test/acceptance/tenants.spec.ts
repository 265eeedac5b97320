import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startKeyedServer, type KeyedServer } from '../support/keyed-server.js';
import { until } from '../support/until.js';

// What answers hold is looked at field by field.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Answer = { status: number; body: Record<string, any> };
type Ask = (method: string, path: string, body?: object) => Promise<Answer>;

const SECRET = 'SECRETOFALICE';
const TASK = 'task-of-alice';

describe('R-C1 R-C3 R-A7 An agent lives a whole task with its own key', () => {
  let server: KeyedServer;
  let alice: Ask;
  let bob: Ask;
  let texts: string[];

  beforeAll(async () => {
    server = await startKeyedServer();
    const with_ = (key: string): Ask => {
      return async (method, path, body) => {
        const response = await fetch(server.url + path, {
          method,
          headers: { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }) },
          ...(body && { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Answer['body']) };
      };
    };
    const agent = (user: string) => server.key({ name: user, role: 'agent', app: 'cafe', users: [user] });
    alice = with_(await agent('alice'));
    const asked = with_(await agent('bob'));
    texts = [];
    bob = async (...request) => {
      const answer = await asked(...request);
      texts.push(JSON.stringify(answer.body));
      return answer;
    };
    for (const [who, user_id] of [
      [alice, 'alice'],
      [bob, 'bob'],
    ] as const)
      expect(
        (await who('POST', '/v1/sessions', { session_id: `s-${user_id}`, app_name: 'cafe', user_id })).status,
      ).toBe(201);
    texts = [];
  });
  afterAll(() => server.stop());

  /** Everything by which a sibling might notice something. */
  const lookAround = async (): Promise<void> => {
    for (const path of ['', '/state', '/state/step', '/checkpoints', '/checkpoints/1'])
      expect((await bob('GET', `/v1/tasks/${TASK}${path}`)).body['code']).toBe('task-not-found');
    expect((await bob('GET', '/v1/agents/worker-1')).body['code']).toBe('agent-not-found');
    for (const path of [
      '/v1/tasks',
      '/v1/tasks?session_id=s-alice',
      '/v1/tasks?agent_id=worker-1',
      '/v1/tasks?status=running',
      '/v1/agents',
      `/v1/agents?task_id=${TASK}`,
      '/v1/memories',
      '/v1/memories/conflicts',
    ])
      expect((await bob('GET', path)).body).toEqual({ items: [], next_cursor: null });
    for (const asked of [{}, { agent_type: 'barista' }])
      expect(await bob('POST', '/v1/tasks/claim', { ...asked, agent_id: 'worker-2' })).toEqual({
        status: 204,
        body: {},
      });
  };

  it('submits it in its session, while a sibling sees nothing of it and claims nothing of it', async () => {
    const agent = { agent_id: 'worker-1', name: SECRET, session_id: 's-alice' };
    expect((await alice('POST', '/v1/agents', agent)).status).toBe(201);
    const task = { task_id: TASK, session_id: 's-alice', prompt: SECRET, agent_type: 'barista', priority: 1 };
    expect(await alice('POST', '/v1/tasks', task)).toMatchObject({ status: 201, body: { status: 'pending' } });
    await lookAround();
    expect((await alice('GET', '/v1/tasks')).body['items']).toMatchObject([{ task_id: TASK }]);
  });

  it('claims it, keeps what it needs to go on, and is given a context for it', async () => {
    const claim = { agent_type: 'barista', agent_id: 'worker-1' };
    expect(await alice('POST', '/v1/tasks/claim', claim)).toMatchObject({
      status: 200,
      body: { task_id: TASK, status: 'running', agent_id: 'worker-1' },
    });
    const working = { state: 'working', task_id: TASK };
    expect((await alice('PUT', '/v1/agents/worker-1/state', working)).body).toMatchObject(working);
    expect((await alice('PUT', `/v1/tasks/${TASK}/state/step`, { value: SECRET })).status).toBe(200);
    expect((await alice('PUT', `/v1/tasks/${TASK}/checkpoints/1`, { state: { text: SECRET } })).status).toBe(201);
    const learnt = { value: { text: SECRET }, task_id: TASK, session_id: 's-alice' };
    expect(await alice('PUT', '/v1/memories/user:alice:learnt/beans', learnt)).toMatchObject({
      status: 201,
      body: { task_id: TASK },
    });
    const { status, body } = await alice('POST', '/v1/context', { session_id: 's-alice', task_id: TASK });
    expect([status, body['task']]).toMatchObject([
      200,
      { task_id: TASK, last_checkpoint: { iteration: 1 }, state: [{ key: 'step', value: SECRET }] },
    ]);
    expect((await alice('GET', `/v1/context/${body['id']}`)).body).toMatchObject({ task_id: TASK, intact: true });
    expect((await bob('GET', `/v1/context/${body['id']}`)).status).toBe(404);
    const own = { session_id: 's-bob', task_id: TASK };
    expect((await bob('POST', '/v1/context', own)).body['code']).toBe('task-not-found');
    await lookAround();
  });

  it('completes it, is told why it knows what it learnt, and finds the outcome; a sibling still knows of nothing', async () => {
    for (const [path, change] of [
      ['status', { status: 'cancelled' }],
      ['state/step', { value: 1 }],
      ['checkpoints/2', { state: {} }],
    ] as const)
      expect((await bob('PUT', `/v1/tasks/${TASK}/${path}`, change)).body['code']).toBe('task-not-found');
    const done = { status: 'completed', agent_id: 'worker-1', result_data: { text: SECRET } };
    expect((await alice('PUT', `/v1/tasks/${TASK}/status`, done)).body).toMatchObject({ status: 'completed' });
    expect((await alice('GET', '/v1/memories/user:alice:learnt/beans/why')).body['came_from']).toMatchObject([
      { relation: 'written_in_session', session_id: 's-alice' },
      { relation: 'written_in_task', task_id: TASK },
    ]);
    const url = `/v1/memories/session:s-alice:outcomes/${TASK}`;
    const outcome = await until('the outcome is remembered', async () => {
      const answer = await alice('GET', url);
      return answer.status === 200 && answer.body;
    });
    expect(outcome).toMatchObject({ task_id: TASK, value: { outcome: 'completed' } });
    expect((await bob('GET', url)).status).toBe(404);
    expect((await bob('GET', '/v1/memories/user:alice:learnt/beans/why')).status).toBe(404);
    await lookAround();
    expect(texts.join('\n')).not.toContain(SECRET);
  });

  it('is nobody’s but the operator’s once its session is deleted', async () => {
    expect((await alice('DELETE', '/v1/sessions/s-alice')).status).toBe(204);
    expect((await alice('GET', `/v1/tasks/${TASK}`)).body['code']).toBe('task-not-found');
    expect((await alice('GET', '/v1/tasks')).body['items']).toEqual([]);
    const response = await fetch(`${server.url}/v1/tasks/${TASK}`, {
      headers: { authorization: `Bearer ${server.operator}` },
    });
    expect(await response.json()).toMatchObject({ task_id: TASK, session_id: null });
  });
});
