import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { client, startServer, type TestServer } from '../support/server.js';

/** A conversation from its first word to the archive. */
describe('R-C5 Sessions', () => {
  let server: TestServer;
  let directory: string;
  beforeAll(async () => {
    server = await startServer();
    directory = server.path.replace(/\/[^/]+$/, '');
  });
  afterAll(() => server.stop());

  const say = (session: string, text: string, more: object = {}) =>
    client(server)
      .post(`/v1/sessions/${session}/events`)
      .send({ event_type: 'message', actor: 'user', content: { text }, ...more });
  const get = async (path: string): Promise<Record<string, unknown>> =>
    (await client(server).get(`/v1/sessions/${path}`).expect(200)).body as Record<string, unknown>;

  it('begin as created and become active with their first event', async () => {
    const { body } = await client(server)
      .post('/v1/sessions')
      .send({ session_id: 'talk', app_name: 'cafe', user_id: 'alice', initial_state: { topic: 'coffee' } })
      .expect(201);
    expect(body).toMatchObject({ status: 'created', event_count: 0, version: 1, state: { topic: 'coffee' } });
    await say('talk', 'Hello', { event_id: 'e1' }).expect(201);
    expect(await get('talk')).toMatchObject({ status: 'active', event_count: 1, version: 2 });
  });

  it('keep what was said in order, and hear a repeated event only once', async () => {
    await say('talk', 'A coffee, please', { event_id: 'e2', state_delta: { order: 'coffee', 'temp:draft': 1 } }).expect(
      201,
    );
    await say('talk', 'A coffee, please', { event_id: 'e2', state_delta: { order: 'coffee', 'temp:draft': 1 } });
    await say('talk', 'Here you are', { event_id: 'e3', actor: 'agent:barista', is_final_response: true }).expect(201);
    const { events, state, event_count } = (await get('talk')) as {
      events: object[];
      state: object;
      event_count: number;
    };
    expect(events).toMatchObject([{ event_id: 'e1' }, { event_id: 'e2' }, { event_id: 'e3', actor: 'agent:barista' }]);
    expect(event_count).toBe(3);
    expect(state).toEqual({ topic: 'coffee', order: 'coffee' });
    expect(await get('talk?num_recent_events=1')).toMatchObject({ events: [{ event_id: 'e3' }] });
  });

  it('let one of two writers win who saw the same version, and tell the other', async () => {
    const { version } = await get('talk');
    const answers = await Promise.all(
      ['one', 'other'].map((text) => say('talk', text).set('If-Match', `"${String(version)}"`)),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 412]);
    expect(answers.find(({ status }) => status === 412)!.body).toMatchObject({ current_version: Number(version) + 1 });
  });

  it('can be forked at any version; the fork goes its own way', async () => {
    const { body } = await client(server)
      .post('/v1/sessions/talk/fork')
      .send({ at_version: 3, session_id: 'what-if' })
      .expect(201);
    expect(body).toMatchObject({ session_id: 'what-if', forked_from: { session_id: 'talk', version: 3 } });
    await say('what-if', 'Rather tea', { state_delta: { order: 'tea' } }).expect(201);
    expect(await get('what-if')).toMatchObject({ state: { order: 'tea' }, event_count: 3 });
    expect(await get('talk')).toMatchObject({ state: { order: 'coffee' } });
  });

  it('go from active to paused and back, and never backwards', async () => {
    const status = (to: string) => client(server).put('/v1/sessions/talk/status').send({ status: to });
    await status('paused').expect(200);
    await status('active').expect(200);
    await status('archived').expect(409);
    await status('terminated').expect(200);
    await status('active').expect(409);
    await say('talk', 'too late').expect(409);
    expect(await get('talk')).toMatchObject({ status: 'terminated', state: {}, event_count: 4 });
  });

  it('are read as they were, at any moment of their life', async () => {
    const { body } = await client(server).get('/v1/audit/events?session_id=talk&order=asc');
    const { items } = body as { items: { position: number; type: string }[] };
    const third = items[2]!.position;
    expect(await get(`talk?as_of=${third}`)).toMatchObject({
      status: 'active',
      event_count: 2,
      state: { order: 'coffee' },
    });
    expect(await get(`talk?as_of=${items[0]!.position}`)).toMatchObject({ status: 'created', event_count: 0 });
  });

  it('are all there after the process was killed', async () => {
    const before = await get('talk');
    await server.kill();
    server = await startServer({}, directory);
    expect(await get('talk')).toEqual(before);
    const { body } = await client(server).get('/v1/sessions?app_name=cafe&user_id=alice');
    expect((body as { items: { session_id: string }[] }).items.map(({ session_id }) => session_id).toSorted()).toEqual([
      'talk',
      'what-if',
    ]);
  });
});
