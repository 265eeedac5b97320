import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';

describe('R-C7 Agent state', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
    api = client(server);
  });
  afterAll(() => server.stop());

  it('R-T3 who is about what is known while they work, and afterwards', async () => {
    await api.post('/v1/sessions').send({ session_id: 'shift', app_name: 'a', user_id: 'u' }).expect(201);
    await api.post('/v1/tasks').send({ task_id: 'dig', prompt: 'Dig', session_id: 'shift' }).expect(201);
    const agent = { agent_id: 'digger', name: 'Digger', specialization: 'holes', session_id: 'shift' };
    await api.post('/v1/agents').send(agent).expect(201);
    const { body: claimed } = await api.post('/v1/tasks/claim').send({ agent_id: 'digger' }).expect(200);
    const say = (body: object) => api.put('/v1/agents/digger/state').send(body);
    const working = await say({ state: 'working', task_id: claimed.task_id as string }).expect(200);
    const then = Number(working.headers['x-position']);
    await say({ state: 'waiting', resource_usage: { tokens: 512, seconds: 3.5 } }).expect(200);

    const found = await api.get('/v1/agents').query({ task_id: 'dig', state: 'waiting' }).expect(200);
    expect(found.body.items).toMatchObject([{ agent_id: 'digger', resource_usage: { tokens: 512, seconds: 3.5 } }]);
    await api.put('/v1/tasks/dig/status').send({ status: 'completed', agent_id: 'digger' }).expect(200);
    await say({ state: 'idle', task_id: null }).expect(200);
    await say({ state: 'terminated' }).expect(200);
    expectProblem(await say({ state: 'working' }), 409, { code: 'illegal-transition' });

    const past = await api.get('/v1/agents/digger').query({ as_of: then }).expect(200);
    expect(past.body).toMatchObject({ state: 'working', task_id: 'dig', terminated_at: null });
    const { body } = await api.get('/v1/audit/events').query({ agent_id: 'digger', order: 'asc' }).expect(200);
    const states = body.items
      .filter(({ type }: { type: string }) => type === 'AgentStateChanged')
      .map(({ data }: { data: { to: string } }) => data.to);
    expect(states).toEqual(['working', 'waiting', 'idle', 'terminated']);
  });
});
