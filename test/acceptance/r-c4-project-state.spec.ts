import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { client, startServer, type TestServer } from '../support/server.js';

/** A project is worked on by several people, apps and sessions: what one of them learns about it, all of them know. */
describe('R-C4 Project state', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
    const sessions = [
      { session_id: 'planning', app_name: 'planner', user_id: 'alice', project_id: 'bridge' },
      { session_id: 'building', app_name: 'builder', user_id: 'bob', project_id: 'bridge' },
      { session_id: 'elsewhere', app_name: 'planner', user_id: 'alice', project_id: 'tunnel' },
      { session_id: 'alone', app_name: 'planner', user_id: 'alice' },
    ];
    for (const session of sessions) await client(server).post('/v1/sessions').send(session).expect(201);
  });
  afterAll(() => server.stop());

  const stateOf = async (session: string, query = ''): Promise<Record<string, unknown>> => {
    const { body } = await client(server).get(`/v1/sessions/${session}/state${query}`).expect(200);
    return (body as { state: Record<string, unknown> }).state;
  };

  it('that one session sets is there at once in every session of the project, and in no other', async () => {
    await client(server)
      .post('/v1/sessions/planning/events')
      .send({
        event_type: 'action',
        actor: 'agent:planner',
        content: { text: 'The design is done.' },
        state_delta: { 'project:phase': 'construction', phase: 'my own notes' },
      })
      .expect(201);
    expect(await stateOf('building')).toEqual({ 'project:phase': 'construction' });
    expect(await stateOf('planning')).toEqual({ 'project:phase': 'construction', phase: 'my own notes' });
    expect(await stateOf('elsewhere')).toEqual({});
    expect(await stateOf('alone')).toEqual({});
  });

  it('can be changed by another person in another app, and the past of it stays', async () => {
    const { body: head } = await client(server).get('/v1/audit/head');
    await client(server).put('/v1/sessions/building/state/project:phase').send({ value: 'testing' }).expect(200);
    expect(await stateOf('planning')).toMatchObject({ 'project:phase': 'testing' });
    const { position } = head as { position: number };
    expect(await stateOf('planning', `?as_of=${position}`)).toMatchObject({ 'project:phase': 'construction' });
  });

  it('outlives the session that set it', async () => {
    await client(server).put('/v1/sessions/planning/status').send({ status: 'terminated' }).expect(200);
    expect(await stateOf('planning')).toEqual({ 'project:phase': 'testing' });
    expect(await stateOf('building')).toEqual({ 'project:phase': 'testing' });
  });

  it('needs a project: a session without one is told so, and nothing is written', async () => {
    const { body: before } = await client(server).get('/v1/audit/head');
    const { body } = await client(server)
      .put('/v1/sessions/alone/state/project:phase')
      .send({ value: 'x' })
      .expect(400);
    expect((body as { detail: string }).detail).toMatch(/project/);
    expect((await client(server).get('/v1/audit/head')).body).toEqual(before);
  });

  it('is kept as memories, too: versions with their authors, found by namespace and by search', async () => {
    const at = '/v1/memories/project:bridge:decisions/material';
    await client(server)
      .put(at)
      .send({ value: { text: 'The bridge is of steel' }, updated_by: 'alice' })
      .expect(201);
    await client(server)
      .put(at)
      .set('If-Match', '"1"')
      .send({ value: { text: 'The bridge is of timber' }, updated_by: 'bob' })
      .expect(200);
    await client(server)
      .put('/v1/memories/project:bridges:decisions/material')
      .send({ value: { text: 'Other bridges are of stone' } })
      .expect(201);
    const { body: list } = await client(server).get('/v1/memories?namespace_prefix=project:bridge');
    expect(list).toMatchObject({ items: [{ key: 'material', version: 2, created_by: 'alice', updated_by: 'bob' }] });
    const search = { query: 'what is the bridge made of?', namespace_prefix: 'project:bridge' };
    const { body: found } = await client(server).post('/v1/memories/search').send(search).expect(200);
    expect((found as { results: object[] }).results).toMatchObject([{ value: { text: 'The bridge is of timber' } }]);
  });

  it('reaches whoever works on the project with the context', async () => {
    const { body } = await client(server).post('/v1/context').send({ session_id: 'building' }).expect(200);
    const { session, memories, prompt } = body as {
      session: { state: object };
      memories: { project: object[] };
      prompt: string;
    };
    expect(session.state).toMatchObject({ 'project:phase': 'testing' });
    expect(memories.project).toMatchObject([{ key: 'material', version: 2 }]);
    expect(prompt).toContain('timber');
    expect(prompt).not.toContain('stone');
  });
});
