import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';

describe('Agents over REST', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer();
    api = client(server);
  });
  afterAll(() => server.stop());

  const register = (body: object = {}) => api.post('/v1/agents').send({ name: 'Ada', ...body });
  const fresh = async (body: object = {}): Promise<string> =>
    (await register(body).expect(201)).body.agent_id as string;
  const change = (id: string, body: object) => api.put(`/v1/agents/${encodeURIComponent(id)}/state`).send(body);
  const head = async (): Promise<number> => (await api.get('/v1/audit/head')).body.position as number;
  const task = async (): Promise<string> =>
    (await api.post('/v1/tasks').send({ prompt: 'p' }).expect(201)).body.task_id as string;
  const session = async (): Promise<string> =>
    (await api.post('/v1/sessions').send({ app_name: 'a', user_id: 'u' }).expect(201)).body.session_id as string;

  it('R-T3 are registered with what they are and what they are about', async () => {
    const task_id = await task();
    const session_id = await session();
    const agent_id = `planner:${randomUUID()}`;
    const given = {
      agent_id,
      name: 'Ada',
      specialization: 'planning',
      model: 'llama3',
      state: 'working',
      task_id,
      session_id,
      resource_usage: { tokens: 12 },
    };
    const { body } = await register(given).expect(201).expect('ETag', '"1"');
    expect(body).toEqual({
      ...given,
      spawned_at: expect.stringMatching(/Z$/),
      terminated_at: null,
      last_updated_at: body.spawned_at,
      version: 1,
    });
    expect((await api.get(`/v1/agents/${encodeURIComponent(agent_id)}`).expect(200)).body).toEqual(body);
    expectProblem(await register({ agent_id }), 409, { code: 'agent-exists' });
  });

  it('R-T3 are idle and about nothing where nobody says more', async () => {
    const { body } = await register().expect(201);
    expect(body).toMatchObject({
      state: 'idle',
      specialization: null,
      model: null,
      task_id: null,
      session_id: null,
      resource_usage: {},
    });
  });

  it('R-T3 change their state; what is left out stays', async () => {
    const task_id = await task();
    const id = await fresh({ resource_usage: { tokens: 1 } });
    const then = await head();
    const working = await change(id, { state: 'working', task_id }).expect(200).expect('ETag', '"2"');
    expect(working.body).toMatchObject({ state: 'working', task_id, resource_usage: { tokens: 1 } });
    const again = await change(id, { state: 'working' }).expect(200).expect('ETag', '"2"');
    expect(again.body).toEqual(working.body);
    const waiting = await change(id, { state: 'waiting', resource_usage: { tokens: 9 } }).expect(200);
    expect(waiting.body).toMatchObject({ state: 'waiting', task_id, resource_usage: { tokens: 9 } });
    const idle = await change(id, { state: 'idle', task_id: null }).expect(200);
    expect(idle.body).toMatchObject({ state: 'idle', task_id: null });
    const past = await api.get(`/v1/agents/${id}`).query({ as_of: then }).expect(200);
    expect(past.body).toMatchObject({ state: 'idle', version: 1, resource_usage: { tokens: 1 } });
    expectProblem(await api.get(`/v1/agents/${id}`).query({ as_of: then - 1 }), 404, { code: 'agent-not-found' });
  });

  it('R-T3 come back from nothing once they are terminated', async () => {
    const id = await fresh();
    const { body } = await change(id, { state: 'terminated' }).expect(200);
    expect(body.terminated_at).toBe(body.last_updated_at);
    expect((await change(id, { state: 'terminated' }).expect(200)).body).toEqual(body);
    expectProblem(await change(id, { state: 'idle' }), 409, { code: 'illegal-transition' });
  });

  it('R-T3 hold If-Match, and give the first answer under an Idempotency-Key', async () => {
    const key = randomUUID();
    const send = () => register().set('Idempotency-Key', key);
    const { body } = await send().expect(201);
    const id = body.agent_id as string;
    await change(id, { state: 'working' }).set('If-Match', '"1"').expect(200);
    expectProblem(await change(id, { state: 'idle' }).set('If-Match', '"1"'), 412);
    expect((await send().expect(201)).body).toEqual(body);
  });

  it('R-T3 refer to what is there, and let go of a session that is deleted', async () => {
    const before = await head();
    expectProblem(await register({ task_id: 'nowhere' }), 409, { code: 'unknown-task' });
    expectProblem(await register({ session_id: 'nowhere' }), 409, { code: 'unknown-session' });
    expect(await head()).toBe(before);
    const session_id = await session();
    const id = await fresh({ session_id });
    expectProblem(await change(id, { state: 'working', task_id: 'nowhere' }), 409, { code: 'unknown-task' });
    await api.delete(`/v1/sessions/${session_id}`).expect(204);
    expect((await api.get(`/v1/agents/${id}`).expect(200)).body.session_id).toBeNull();
  });

  it('R-T3 are listed by state, task and session, newest first, page by page', async () => {
    const task_id = await task();
    const session_id = await session();
    const [a, b, c] = [await fresh({ task_id }), await fresh({ task_id, session_id }), await fresh({ task_id })];
    await change(c, { state: 'waiting' }).expect(200);
    const ids = async (query: object): Promise<unknown[]> =>
      ((await api.get('/v1/agents').query(query).expect(200)).body.items as { agent_id: string }[]).map(
        ({ agent_id }) => agent_id,
      );
    expect(await ids({ task_id })).toEqual([c, b, a]);
    expect(await ids({ session_id })).toEqual([b]);
    expect(await ids({ task_id, state: 'idle' })).toEqual([b, a]);
    const { body } = await api.get('/v1/agents').query({ task_id, limit: 2 }).expect(200);
    expect(await ids({ task_id, limit: 2, cursor: body.next_cursor })).toEqual([a]);
    expectProblem(await api.get('/v1/agents').query({ limit: 2, cursor: body.next_cursor as string }), 400);
  });

  it.each<[object, string]>([
    [{ name: '' }, 'name'],
    [{ name: undefined }, 'name'],
    [{ state: 'asleep' }, 'state'],
    [{ resource_usage: 3 }, 'resource_usage'],
    [{ agent_id: 'x\u202e' }, 'agent_id'],
    [{ colour: 'red' }, 'colour'],
  ])('R-T3 are refused as %j', async (body, field) => {
    const before = await head();
    expectProblem(await register(body), 400, { field });
    expect(await head()).toBe(before);
  });

  it('R-T3 that are not there are 404', async () => {
    expectProblem(await api.get('/v1/agents/nobody'), 404, { code: 'agent-not-found' });
    expectProblem(await change('nobody', { state: 'idle' }), 404, { code: 'agent-not-found' });
    expectProblem(await change('nobody', {}), 400, { field: 'state' });
  });
});
