import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';

describe('Sessions over REST', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer();
    api = client(server);
  });
  afterAll(() => server.stop());

  const said = (overrides: object = {}): object => ({
    event_type: 'message',
    actor: 'user',
    content: { text: 'hello' },
    ...overrides,
  });
  const post = (id: string, event: object) => api.post(`/v1/sessions/${id}/events`).send(event);
  const state = async (id: string): Promise<Record<string, unknown>> =>
    (await api.get(`/v1/sessions/${id}/state`).expect(200)).body.state as Record<string, unknown>;

  /** A new session; its id. */
  async function open(overrides: object = {}): Promise<string> {
    const session_id = randomUUID();
    await api
      .post('/v1/sessions')
      .send({ session_id, app_name: 'app', user_id: session_id, ...overrides })
      .expect(201);
    return session_id;
  }

  describe('POST /v1/sessions', () => {
    it('R-SE1 answers with the session, its version and its place in the log', async () => {
      const { body, headers } = await api
        .post('/v1/sessions')
        .send({
          session_id: 'first',
          app_name: 'chat',
          user_id: 'alice',
          project_id: 'apollo',
          initial_state: { mood: 'good' },
          metadata: { channel: 'web' },
        })
        .expect(201)
        .expect('ETag', '"1"')
        .expect('Content-Type', /^application\/json/);
      expect(body).toEqual({
        session_id: 'first',
        app_name: 'chat',
        user_id: 'alice',
        project_id: 'apollo',
        status: 'created',
        state: { mood: 'good' },
        metadata: { channel: 'web' },
        forked_from: null,
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        last_update_time: body.created_at,
        terminated_at: null,
        archived_at: null,
        event_count: 0,
        version: 1,
      });
      expect(headers['x-request-id']).toMatch(/^[\w-]{36}$/);
      const { body: entry } = await api.get(`/v1/audit/events/${headers['x-position']}`).expect(200);
      expect(entry).toMatchObject({ type: 'SessionCreated', session_id: 'first', stream_version: 1 });
    });

    it('R-SE1 makes a UUID where the client names no id, and takes null for no project', async () => {
      const { body } = await api
        .post('/v1/sessions')
        .send({ app_name: 'chat', user_id: 'alice', project_id: null })
        .expect(201);
      expect(body.session_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(body.project_id).toBeNull();
    });

    it.each(['emoji 🎉', 'a/b', 'a:b', '100%', 'ü', '%2F', '..', 'a?b#c', "o'neil; DROP TABLE sessions"])(
      'R-SE1 takes %j for an id, and finds it again',
      async (name) => {
        const session_id = `id ${name}`;
        await api.post('/v1/sessions').send({ session_id, app_name: 'a', user_id: 'u' }).expect(201);
        const { body } = await api.get(`/v1/sessions/${encodeURIComponent(session_id)}`).expect(200);
        expect(body.session_id).toBe(session_id);
      },
    );

    it('R-SE8 refuses an id that is taken, also for another user, and changes nothing', async () => {
      const id = await open({ initial_state: { a: 1 } });
      const before = await api.get(`/v1/sessions/${id}`);
      for (const user_id of [id, 'somebody-else']) {
        const answer = await api.post('/v1/sessions').send({ session_id: id, app_name: 'app', user_id });
        expectProblem(answer, 409, { code: 'session-exists' });
      }
      const { body } = await api.get(`/v1/sessions/${id}`);
      expect(body).toEqual(before.body);
    });

    it('R-SE8 refuses the id of a deleted session', async () => {
      const id = await open();
      await api.delete(`/v1/sessions/${id}`).expect(204);
      const answer = await api.post('/v1/sessions').send({ session_id: id, app_name: 'app', user_id: 'u' });
      expectProblem(answer, 409, { code: 'session-exists' });
    });

    it('R-SE7 holds If-Match against what is not there', async () => {
      const session_id = randomUUID();
      const answer = await api
        .post('/v1/sessions')
        .set('If-Match', '"1"')
        .send({ session_id, app_name: 'a', user_id: 'u' });
      expectProblem(answer, 412, { code: 'version-conflict' });
      expect(answer.body.current_version).toBeNull();
      await api.get(`/v1/sessions/${session_id}`).expect(404);
    });
  });

  describe('GET /v1/sessions/{id}', () => {
    it('R-SE1 answers with state, events, their number and the version', async () => {
      const id = await open({ initial_state: { a: 1 } });
      await post(id, said({ event_id: 'e1', state_delta: { b: [1, { c: null }] } })).expect(201);
      const { body } = await api.get(`/v1/sessions/${id}`).expect(200).expect('ETag', '"2"');
      expect(body).toMatchObject({
        session_id: id,
        status: 'active',
        state: { a: 1, b: [1, { c: null }] },
        event_count: 1,
        version: 2,
      });
      expect(body.events).toEqual([
        {
          event_id: 'e1',
          timestamp: expect.any(String),
          event_type: 'message',
          actor: 'user',
          content: { text: 'hello' },
          state_delta: { b: [1, { c: null }] },
          is_final_response: false,
          version: 2,
          position: expect.any(Number),
        },
      ]);
    });

    it('R-SE6 gives the newest so many events, oldest of them first, and none for 0', async () => {
      const id = await open();
      const events = [1, 2, 3, 4, 5].map((n) => said({ event_id: `e${n}` }));
      await api.post(`/v1/sessions/${id}/events/batch`).send({ events }).expect(201);
      const ids = async (query: string): Promise<string[]> =>
        ((await api.get(`/v1/sessions/${id}?${query}`).expect(200)).body.events as { event_id: string }[]).map(
          ({ event_id }) => event_id,
        );
      expect(await ids('num_recent_events=3')).toEqual(['e3', 'e4', 'e5']);
      expect(await ids('num_recent_events=0')).toEqual([]);
      expect(await ids('')).toEqual(['e1', 'e2', 'e3', 'e4', 'e5']);
      const { body } = await api.get(`/v1/sessions/${id}?num_recent_events=0`);
      expect(body.event_count).toBe(5);
    });

    it('R-SE6 gives 100 events where nobody says how many', async () => {
      const id = await open();
      const events = Array.from({ length: 103 }, (_, n) => said({ event_id: `e${n}` }));
      await api.post(`/v1/sessions/${id}/events/batch`).send({ events }).expect(201);
      const { body } = await api.get(`/v1/sessions/${id}`).expect(200);
      expect(body.events).toHaveLength(100);
      expect(body.events[0].event_id).toBe('e3');
      expect(body.event_count).toBe(103);
    });

    it('R-SE6 gives events from a time on, that time included', async () => {
      const id = await open();
      const times = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.001Z', '2026-01-01T00:00:00.002Z'];
      const events = times.map((timestamp, n) => said({ event_id: `e${n}`, timestamp }));
      await api.post(`/v1/sessions/${id}/events/batch`).send({ events }).expect(201);
      const ids = async (after: string, more = ''): Promise<string[]> =>
        (
          (await api.get(`/v1/sessions/${id}?after_timestamp=${encodeURIComponent(after)}${more}`).expect(200)).body
            .events as { event_id: string }[]
        ).map(({ event_id }) => event_id);
      expect(await ids(times[1]!)).toEqual(['e1', 'e2']);
      expect(await ids('2026-01-01T01:00:00.001+01:00')).toEqual(['e1', 'e2']);
      expect(await ids('2026-01-01T00:00:00.003Z')).toEqual([]);
      expect(await ids(times[0]!, '&num_recent_events=1')).toEqual(['e2']);
    });

    it('R-M8 answers as of a position and as of a time', async () => {
      const id = await open({ initial_state: { n: 0 } });
      const first = await post(id, said({ event_id: 'e1', state_delta: { n: 1 } })).expect(201);
      const { body: entry } = await api.get(`/v1/audit/events/${first.body.position}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      await post(id, said({ event_id: 'e2', state_delta: { n: 2 } })).expect(201);
      await api.put(`/v1/sessions/${id}/status`).send({ status: 'paused' }).expect(200);
      for (const as_of of [String(first.body.position), entry.time as string]) {
        const { body } = await api.get(`/v1/sessions/${id}`).query({ as_of }).expect(200);
        expect(body).toMatchObject({ version: 2, status: 'active', state: { n: 1 }, event_count: 1 });
        expect((body.events as { event_id: string }[]).map(({ event_id }) => event_id)).toEqual(['e1']);
        const { body: then } = await api.get(`/v1/sessions/${id}/state`).query({ as_of }).expect(200);
        expect(then.state).toEqual({ n: 1 });
      }
      expectProblem(await api.get(`/v1/sessions/${id}`).query({ as_of: 0 }), 404, { code: 'session-not-found' });
    });

    it('R-M8 refuses an as_of that is beyond the head or in the future', async () => {
      const id = await open();
      for (const as_of of ['999999999', '2999-01-01T00:00:00Z', '2025-02-30', 'yesterday', '-1', '1.5']) {
        expectProblem(await api.get(`/v1/sessions/${id}`).query({ as_of }), 400, { field: 'as_of' });
      }
    });

    it('R-SE6 is not sent again to who has it already', async () => {
      const id = await open();
      const { headers } = await post(id, said({ state_delta: { 'user:a': 1 } })).expect(201);
      const fresh = await api.get(`/v1/sessions/${id}`).set('If-None-Match', headers['etag']!).expect(304);
      expect(fresh.text).toBe('');
      await post(id, said()).expect(201);
      await api.get(`/v1/sessions/${id}`).set('If-None-Match', headers['etag']!).expect(200);
    });

    it('R-SE5 is sent again when somebody else changed what is shared with it', async () => {
      const user_id = randomUUID();
      const [one, other] = [await open({ user_id }), await open({ user_id })];
      const { headers } = await api.get(`/v1/sessions/${one}`).expect(200);
      await api.put(`/v1/sessions/${other}/state/user:x`).send({ value: 1 }).expect(200);
      const again = await api.get(`/v1/sessions/${one}`).set('If-None-Match', headers['etag']!).expect(200);
      expect(again.body.state).toEqual({ 'user:x': 1 });
      await api.get(`/v1/sessions/${one}`).set('If-None-Match', again.headers['etag']!).expect(304);
      // The tag of a read is good for a write, too.
      await api
        .put(`/v1/sessions/${one}/state/y`)
        .set('If-Match', again.headers['etag']!)
        .send({ value: 1 })
        .expect(200);
    });

    it('R-SE1 answers 404 for a session that is not there', async () => {
      for (const path of ['', '/events', '/state', '/state/a']) {
        expectProblem(await api.get(`/v1/sessions/nobody${path}`), 404, { code: 'session-not-found' });
      }
      expectProblem(await post('nobody', said()), 404);
      expectProblem(await api.put('/v1/sessions/nobody/status').send({ status: 'paused' }), 404);
      expectProblem(await api.put('/v1/sessions/nobody/state/a').send({ value: 1 }), 404);
      expectProblem(await api.post('/v1/sessions/nobody/fork').send({}), 404);
      expectProblem(await api.delete('/v1/sessions/nobody'), 404);
    });
  });

  describe('GET /v1/sessions', () => {
    it('R-SE6 lists by user, app, project and status, newest update first, without events', async () => {
      const app_name = randomUUID();
      const a = await open({ app_name, user_id: 'u1', project_id: 'p1' });
      const b = await open({ app_name, user_id: 'u2' });
      const c = await open({ app_name, user_id: 'u1' });
      await new Promise((resolve) => setTimeout(resolve, 5));
      await post(a, said()).expect(201);
      const ids = async (query: object): Promise<string[]> =>
        ((await api.get('/v1/sessions').query(query).expect(200)).body.items as { session_id: string }[]).map(
          ({ session_id }) => session_id,
        );
      expect(await ids({ app_name })).toEqual([a, c, b]);
      expect(await ids({ app_name, user_id: 'u1' })).toEqual([a, c]);
      expect(await ids({ app_name, project_id: 'p1' })).toEqual([a]);
      expect(await ids({ app_name, status: 'created' })).toEqual([c, b]);
      expect(await ids({ app_name, status: 'archived' })).toEqual([]);
      const { body } = await api.get('/v1/sessions').query({ app_name });
      expect(body.next_cursor).toBeNull();
      for (const item of body.items) expect(item).not.toHaveProperty('events');
    });

    it('R-SE6 pages by a cursor that stays good while sessions are added', async () => {
      const app_name = randomUUID();
      const made: string[] = [];
      for (let n = 0; n < 7; n++) made.push(await open({ app_name }));
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const { body } = await api.get('/v1/sessions').query({ app_name, limit: 2, cursor }).expect(200);
        seen.push(...(body.items as { session_id: string }[]).map(({ session_id }) => session_id));
        cursor = (body.next_cursor as string | null) ?? undefined;
        if (cursor !== undefined) await open({ app_name });
      } while (cursor !== undefined);
      expect(seen).toEqual(made.toReversed());
    });

    it('R-SE6 refuses cursors that are made up, cut or borrowed', async () => {
      const app_name = randomUUID();
      for (let n = 0; n < 3; n++) await open({ app_name });
      const { body } = await api.get('/v1/sessions').query({ app_name, limit: 1 }).expect(200);
      const cursor = body.next_cursor as string;
      for (const query of [
        { app_name, cursor: 'made-up' },
        { app_name, cursor: '' },
        { app_name, cursor: cursor.slice(0, -2) },
        { app_name, cursor: `${cursor}AA` },
        { app_name, cursor, status: 'created' },
        { cursor },
      ]) {
        expectProblem(await api.get('/v1/sessions').query(query), 400, { field: 'cursor' });
      }
      expectProblem(await api.get('/v1/memories').query({ cursor }), 400, { field: 'cursor' });
      await api.get('/v1/sessions').query({ app_name, limit: 3, cursor }).expect(200);
    });
  });

  describe('POST /v1/sessions/{id}/events', () => {
    it('R-SE3 answers with id, version and position, and with the state after a delta', async () => {
      const id = await open({ initial_state: { a: 1 } });
      const plain = await post(id, said()).expect(201).expect('ETag', '"2"');
      expect(plain.body).toEqual({ event_id: expect.any(String), version: 2, position: expect.any(Number) });
      expect(plain.headers['x-position']).toBe(String(plain.body.position));
      const { body } = await post(id, said({ event_id: 'mine', state_delta: { b: 2 } })).expect(201);
      expect(body).toMatchObject({ event_id: 'mine', version: 3, state: { a: 1, b: 2 } });
    });

    it.each(['message', 'action', 'tool_call', 'reflection', 'state_change'])(
      'R-SE3 takes a %s',
      async (event_type) => {
        const id = await open();
        await post(id, said({ event_type })).expect(201);
      },
    );

    it('R-SE3 keeps content as it was sent', async () => {
      const id = await open();
      const content = { b: 1.5, a: [true, false, null, '', 'ß🎉\u2028', -0.1, 1e-7], '': { 'key with "quotes"': {} } };
      await post(id, said({ content })).expect(201);
      const { body } = await api.get(`/v1/sessions/${id}`);
      expect(body.events[0].content).toEqual(content);
    });

    it('R-SE4 answers a repeated event_id with 200 and the first answer, and changes nothing', async () => {
      const id = await open();
      const event = said({ event_id: 'once', state_delta: { n: 1, 'temp:t': 2 } });
      const first = await post(id, event).expect(201);
      await post(id, said({ state_delta: { n: 9 } })).expect(201);
      const again = await post(id, event).expect(200);
      expect(again.body).toEqual(first.body);
      expect(again.headers['etag']).toBe(first.headers['etag']);
      expect(again.headers['x-position']).toBe(first.headers['x-position']);
      const { body } = await api.get(`/v1/sessions/${id}`);
      expect(body).toMatchObject({ event_count: 2, version: 3, state: { n: 9 } });
    });

    it('R-SE4 lets two sessions use the same event_id', async () => {
      const [one, other] = [await open(), await open()];
      await post(one, said({ event_id: 'same' })).expect(201);
      await post(other, said({ event_id: 'same' })).expect(201);
    });

    it('R-SE4 takes one of twenty concurrent repetitions', async () => {
      const id = await open();
      const answers = await Promise.all(Array.from({ length: 20 }, () => post(id, said({ event_id: 'once' }))));
      expect(answers.map(({ status }) => status).toSorted()).toEqual([...Array<number>(19).fill(200), 201]);
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      expect((await api.get(`/v1/sessions/${id}`)).body.event_count).toBe(1);
    });

    it('R-SE2 refuses events of a session that has ended', async () => {
      const id = await open();
      await post(id, said({ event_id: 'before' })).expect(201);
      await api.put(`/v1/sessions/${id}/status`).send({ status: 'terminated' }).expect(200);
      expectProblem(await post(id, said()), 409, { code: 'session-terminated' });
      expectProblem(await api.put(`/v1/sessions/${id}/state/a`).send({ value: 1 }), 409, {
        code: 'session-terminated',
      });
      await post(id, said({ event_id: 'before' })).expect(200);
      await api.put(`/v1/sessions/${id}/status`).send({ status: 'archived' }).expect(200);
      expectProblem(await post(id, said()), 409, { code: 'session-archived' });
    });

    it('R-SE7 lets one of two writers with the same version win', async () => {
      const id = await open();
      for (let round = 1; round <= 5; round++) {
        const answers = await Promise.all(
          ['a', 'b'].map((name) => post(id, said({ event_id: `${name}${round}` })).set('If-Match', `"${round}"`)),
        );
        const lost = answers.find(({ status }) => status !== 201)!;
        expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 412]);
        expectProblem(lost, 412, { code: 'version-conflict' });
        expect(lost.body.current_version).toBe(round + 1);
      }
      expect((await api.get(`/v1/sessions/${id}`)).body.event_count).toBe(5);
    });

    it('R-SE7 loses nothing of twenty concurrent writers', async () => {
      const id = await open();
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) => post(id, said({ event_id: `e${n}`, state_delta: { [`k${n}`]: n } }))),
      );
      expect(answers.every(({ status }) => status === 201)).toBe(true);
      const versions = answers.map(({ body }) => body.version as number).toSorted((a, b) => a - b);
      expect(versions).toEqual(Array.from({ length: 20 }, (_, n) => n + 2));
      expect(Object.keys(await state(id))).toHaveLength(20);
    });
  });

  describe('POST /v1/sessions/{id}/events/batch', () => {
    it('R-SE3 appends in order, and answers for each event, with an id of its own or without', async () => {
      const id = await open();
      const events = [said({ event_id: 'a' }), said(), said({ event_id: 'b' }), said()];
      const { body, headers } = await api.post(`/v1/sessions/${id}/events/batch`).send({ events }).expect(201);
      expect((body.events as { version: number }[]).map(({ version }) => version)).toEqual([2, 3, 4, 5]);
      expect(body.events[0].event_id).toBe('a');
      expect(body.events[2].event_id).toBe('b');
      expect(Object.keys(body.events[0])).toEqual(['event_id', 'version', 'position']);
      expect(headers['etag']).toBe('"5"');
      expect(headers['x-position']).toBe(String(body.events[3].position));
      const page = await api.get(`/v1/sessions/${id}/events`).expect(200);
      expect(page.body.items.map(({ event_id }: { event_id: string }) => event_id)).toEqual(
        body.events.map(({ event_id }: { event_id: string }) => event_id),
      );
    });

    it('R-SE4 changes nothing for what was there before, and nothing twice within itself', async () => {
      const id = await open();
      const first = await post(id, said({ event_id: 'a' })).expect(201);
      const mixed = await api
        .post(`/v1/sessions/${id}/events/batch`)
        .send({ events: [said({ event_id: 'a' }), said({ event_id: 'b' }), said({ event_id: 'b' })] })
        .expect(201);
      expect(mixed.body.events).toEqual([
        first.body,
        { event_id: 'b', version: 3, position: expect.any(Number) },
        mixed.body.events[1],
      ]);
      const again = await api
        .post(`/v1/sessions/${id}/events/batch`)
        .send({ events: [said({ event_id: 'a' }), said({ event_id: 'b' })] })
        .expect(200);
      expect(again.body.events).toEqual(mixed.body.events.slice(0, 2));
      expect((await api.get(`/v1/sessions/${id}`)).body.event_count).toBe(2);
    });

    it('R-SE3 is atomic: a bad event is named, and none is kept', async () => {
      const id = await open();
      const events = [said(), said({ state_delta: { 'project:x': 1 } })];
      const unowned = await api.post(`/v1/sessions/${id}/events/batch`).send({ events });
      expectProblem(unowned, 400);
      const wrong = await api
        .post(`/v1/sessions/${id}/events/batch`)
        .send({ events: [said(), said({ event_type: 'song' })] });
      expectProblem(wrong, 400, { field: 'events[1].event_type' });
      const late = await api
        .post(`/v1/sessions/${id}/events/batch`)
        .send({ events: [said(), said({ timestamp: '2026-02-30' })] });
      expectProblem(late, 400, { field: 'events[1].timestamp' });
      expect((await api.get(`/v1/sessions/${id}`)).body.event_count).toBe(0);
    });

    it('R-SE3 takes 1000 events, and refuses one more, or none', async () => {
      const id = await open();
      const many = (length: number): object => ({ events: Array.from({ length }, () => said()) });
      await api.post(`/v1/sessions/${id}/events/batch`).send(many(1000)).expect(201);
      expectProblem(await api.post(`/v1/sessions/${id}/events/batch`).send(many(1001)), 400, { field: 'events' });
      expectProblem(await api.post(`/v1/sessions/${id}/events/batch`).send(many(0)), 400, { field: 'events' });
    });

    it('R-SE3 takes a batch above 1 MiB, where one event may not be that large', async () => {
      const id = await open();
      const big = said({ content: { text: 'x'.repeat(700_000) } });
      await api
        .post(`/v1/sessions/${id}/events/batch`)
        .send({ events: [big, big] })
        .expect(201);
      const larger = said({ content: { text: 'x'.repeat(1_100_000) } });
      expectProblem(await post(id, larger), 413, { field: 'body' });
    });

    it('R-SE7 holds If-Match against the session', async () => {
      const id = await open();
      const stale = await api
        .post(`/v1/sessions/${id}/events/batch`)
        .set('If-Match', '"7"')
        .send({ events: [said()] });
      expectProblem(stale, 412);
      await api
        .post(`/v1/sessions/${id}/events/batch`)
        .set('If-Match', '"1"')
        .send({ events: [said()] })
        .expect(201);
    });
  });

  describe('GET /v1/sessions/{id}/events', () => {
    it('R-SE6 pages in both directions, and filters by type and actor', async () => {
      const id = await open();
      const events = Array.from({ length: 9 }, (_, n) =>
        said({
          event_id: `e${n}`,
          event_type: n % 3 === 0 ? 'tool_call' : 'message',
          actor: n % 2 === 0 ? 'agent:a1' : 'user',
        }),
      );
      await api.post(`/v1/sessions/${id}/events/batch`).send({ events }).expect(201);
      const all = async (query: object): Promise<string[]> => {
        const seen: string[] = [];
        let cursor: string | null | undefined;
        do {
          const { body } = await api
            .get(`/v1/sessions/${id}/events`)
            .query({ ...query, limit: 2, cursor })
            .expect(200);
          seen.push(...(body.items as { event_id: string }[]).map(({ event_id }) => event_id));
          cursor = body.next_cursor as string | null;
        } while (cursor !== null);
        return seen;
      };
      const names = (...numbers: number[]): string[] => numbers.map((n) => `e${n}`);
      expect(await all({})).toEqual(names(0, 1, 2, 3, 4, 5, 6, 7, 8));
      expect(await all({ order: 'asc' })).toEqual(names(0, 1, 2, 3, 4, 5, 6, 7, 8));
      expect(await all({ order: 'desc' })).toEqual(names(8, 7, 6, 5, 4, 3, 2, 1, 0));
      expect(await all({ event_type: 'tool_call' })).toEqual(names(0, 3, 6));
      expect(await all({ actor: 'agent:a1' })).toEqual(names(0, 2, 4, 6, 8));
      expect(await all({ actor: 'user', event_type: 'tool_call', order: 'desc' })).toEqual(names(3));
    });

    it('R-SE6 refuses a cursor of the other direction or of another session', async () => {
      const [id, other] = [await open(), await open()];
      const events = [said(), said(), said()];
      await api.post(`/v1/sessions/${id}/events/batch`).send({ events }).expect(201);
      const { body } = await api.get(`/v1/sessions/${id}/events?limit=1`).expect(200);
      const cursor = body.next_cursor as string;
      expectProblem(await api.get(`/v1/sessions/${id}/events`).query({ cursor, order: 'desc' }), 400, {
        field: 'cursor',
      });
      expectProblem(await api.get(`/v1/sessions/${other}/events`).query({ cursor }), 400, { field: 'cursor' });
    });
  });

  describe('PUT /v1/sessions/{id}/status', () => {
    it('R-SE2 goes the whole way, and the times are kept', async () => {
      const id = await open();
      const become = (status: string) => api.put(`/v1/sessions/${id}/status`).send({ status });
      expect((await become('active').expect(200).expect('ETag', '"2"')).body.status).toBe('active');
      await become('paused').expect(200);
      await become('active').expect(200);
      const { body: ended } = await become('terminated').expect(200);
      expect(ended.terminated_at).toBe(ended.last_update_time);
      const { body: shelved } = await become('archived').expect(200).expect('ETag', '"6"');
      expect(shelved).toMatchObject({ status: 'archived', terminated_at: ended.terminated_at });
      expect(shelved.archived_at).toBe(shelved.last_update_time);
    });

    it('R-SE2 refuses every other jump with 409 and a hint', async () => {
      const id = await open();
      for (const status of ['paused', 'terminated', 'archived']) {
        const answer = await api.put(`/v1/sessions/${id}/status`).send({ status });
        expectProblem(answer, 409, { code: 'illegal-transition' });
        expect(answer.body.hint).toContain('active');
      }
      expect((await api.get(`/v1/sessions/${id}`)).body).toMatchObject({ status: 'created', version: 1 });
    });

    it('R-SE2 stays as it is when it is so already', async () => {
      const id = await open();
      await api.put(`/v1/sessions/${id}/status`).send({ status: 'created' }).expect(200).expect('ETag', '"1"');
    });
  });

  describe('State', () => {
    it('R-SE5 gives temporary keys back in the turn that sets them, and stores them nowhere', async () => {
      const id = await open({ initial_state: { a: 1 } });
      const { body } = await post(id, said({ state_delta: { 'temp:secret': 'hush', b: 2 } })).expect(201);
      expect(body.state).toEqual({ a: 1, b: 2, 'temp:secret': 'hush' });
      expect(await state(id)).toEqual({ a: 1, b: 2 });
      const { text } = await api.get(`/v1/sessions/${id}`);
      expect(text).not.toContain('hush');
      const { text: log } = await api.get('/v1/audit/events').query({ session_id: id });
      expect(log).not.toContain('hush');
      await api.get(`/v1/sessions/${id}/state/temp:secret`).expect(404);
    });

    it('R-SE5 gives temporary keys of the initial state back once', async () => {
      const session_id = randomUUID();
      const { body } = await api
        .post('/v1/sessions')
        .send({ session_id, app_name: 'a', user_id: 'u', initial_state: { 'temp:x': 1, y: 2 } })
        .expect(201);
      expect(body.state).toMatchObject({ 'temp:x': 1, y: 2 });
      expect(await state(session_id)).not.toHaveProperty('temp:x');
    });

    it("R-SE5 shares user: among a user's sessions of an app, app: in the app, project: in the project", async () => {
      const [app, project] = [randomUUID(), randomUUID()];
      const mine = await open({ app_name: app, user_id: 'me', project_id: project });
      const alsoMine = await open({ app_name: app, user_id: 'me' });
      const yours = await open({ app_name: app, user_id: 'you' });
      const elsewhere = await open({ app_name: `${app}-2`, user_id: 'me', project_id: project });
      await post(
        mine,
        said({ state_delta: { own: 1, 'session:own2': 2, 'user:u': 3, 'app:a': 4, 'project:p': 5 } }),
      ).expect(201);
      expect(await state(mine)).toEqual({ own: 1, 'session:own2': 2, 'user:u': 3, 'app:a': 4, 'project:p': 5 });
      expect(await state(alsoMine)).toEqual({ 'user:u': 3, 'app:a': 4 });
      expect(await state(yours)).toEqual({ 'app:a': 4 });
      expect(await state(elsewhere)).toEqual({ 'project:p': 5 });
    });

    it('R-SE5 shares the prefixed keys of an initial state, too', async () => {
      const user_id = randomUUID();
      await open({ user_id, initial_state: { 'user:lang': 'de' } });
      expect(await state(await open({ user_id }))).toEqual({ 'user:lang': 'de' });
    });

    it('R-SE5 refuses project: without a project', async () => {
      const id = await open();
      expectProblem(await post(id, said({ state_delta: { 'project:x': 1 } })), 400, { field: 'state_delta.project:x' });
      expectProblem(await api.put(`/v1/sessions/${id}/state/project:x`).send({ value: 1 }), 400);
    });

    it('R-SE5 replaces values without merging them, and stores null', async () => {
      const id = await open({ initial_state: { deep: { a: 1, b: 2 }, flag: true } });
      await post(id, said({ state_delta: { deep: { c: 3 }, flag: null } })).expect(201);
      expect(await state(id)).toEqual({ deep: { c: 3 }, flag: null });
      const { body } = await api.get(`/v1/sessions/${id}/state/flag`).expect(200);
      expect(body).toEqual({ key: 'flag', value: null, scope: 'session' });
    });

    it("R-SE5 clears the session's own keys when it ends, and keeps what is shared and what was", async () => {
      const user_id = randomUUID();
      const id = await open({ user_id, initial_state: { a: 1, 'session:b': 2, 'user:c': 3 } });
      await post(id, said()).expect(201);
      const { headers } = await api.get('/v1/audit/head');
      expect(headers['content-type']).toMatch(/json/);
      const { body: head } = await api.get('/v1/audit/head');
      const { body } = await api.put(`/v1/sessions/${id}/status`).send({ status: 'terminated' }).expect(200);
      expect(body.state).toEqual({ 'user:c': 3 });
      expect(await state(id)).toEqual({ 'user:c': 3 });
      const { body: then } = await api.get(`/v1/sessions/${id}/state`).query({ as_of: head.position });
      expect(then.state).toEqual({ a: 1, 'session:b': 2, 'user:c': 3 });
    });

    it('R-SE5 sets and gives one value by its key, percent-encoded', async () => {
      const id = await open();
      const key = 'user:a/b c%ü';
      const at = `/v1/sessions/${id}/state/${encodeURIComponent(key)}`;
      const { body } = await api
        .put(at)
        .send({ value: { x: [1] } })
        .expect(200)
        .expect('ETag', '"2"');
      expect(body).toEqual({ key, value: { x: [1] }, version: 2 });
      expect((await api.get(at).expect(200)).body).toEqual({ key, value: { x: [1] }, scope: 'user' });
      expect((await state(id))[key]).toEqual({ x: [1] });
    });

    it('R-SE5 holds If-Match when one value is set', async () => {
      const id = await open();
      expectProblem(await api.put(`/v1/sessions/${id}/state/a`).set('If-Match', '"9"').send({ value: 1 }), 412);
      await api.put(`/v1/sessions/${id}/state/a`).set('If-Match', '"1"').send({ value: 1 }).expect(200);
    });

    it('R-SE5 resolves a bare name by session over user over app over project', async () => {
      const id = await open({ app_name: randomUUID(), project_id: randomUUID() });
      const resolve = async (key: string): Promise<unknown> =>
        (await api.get(`/v1/sessions/${id}/state/${key}?resolve=true`)).body;
      const set = (key: string) => api.put(`/v1/sessions/${id}/state/${key}`).send({ value: key }).expect(200);
      for (const [key, scope] of [
        ['project:x', 'project'],
        ['app:x', 'app'],
        ['user:x', 'user'],
        ['x', 'session'],
        ['session:x', 'session'],
      ]) {
        await set(key!);
        expect(await resolve('x')).toEqual({ key, value: key, scope });
      }
      expectProblem(await api.get(`/v1/sessions/${id}/state/y?resolve=true`), 404, { code: 'state-key-not-found' });
      await api.get(`/v1/sessions/${id}/state/y`).expect(404);
    });

    it('R-SE5 looks for exactly the key that is named when nobody asks to resolve', async () => {
      const id = await open({ initial_state: { 'user:x': 1 } });
      await api.get(`/v1/sessions/${id}/state/x`).expect(404);
      await api.get(`/v1/sessions/${id}/state/x?resolve=false`).expect(404);
      await api.get(`/v1/sessions/${id}/state/user:x`).expect(200);
    });

    it('R-SE5 takes __proto__, constructor and the like as ordinary keys, which pollute nothing', async () => {
      const session_id = randomUUID();
      const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__'];
      const text = `{${names.map((name) => `"${name}":{"mine":"${name}"}`).join(',')}}`;
      await api
        .post('/v1/sessions')
        .set('Content-Type', 'application/json')
        .send(`{"session_id":"${session_id}","app_name":"__proto__","user_id":"constructor","initial_state":${text}}`)
        .expect(201);
      await api
        .post(`/v1/sessions/${session_id}/events`)
        .set('Content-Type', 'application/json')
        .send(`{"event_type":"message","actor":"user","content":{},"state_delta":{"user:__proto__":1,"__proto__":2}}`)
        .expect(201);
      await api
        .post(`/v1/sessions/${session_id}/events/batch`)
        .set('Content-Type', 'application/json')
        .send(`{"events":[{"event_type":"message","actor":"user","content":{},"state_delta":{"__proto__":3}}]}`)
        .expect(201);
      const { text: body } = await api.get(`/v1/sessions/${session_id}/state`).expect(200);
      const entries = Object.entries((JSON.parse(body) as { state: object }).state);
      expect(entries.map(([key]) => key).toSorted()).toEqual([...names, 'user:__proto__'].toSorted());
      expect(entries.find(([key]) => key === '__proto__')![1]).toBe(3);
      const { body: entry } = await api.get(`/v1/sessions/${session_id}/state/constructor`).expect(200);
      expect(entry.value).toEqual({ mine: 'constructor' });
      await api.put(`/v1/sessions/${session_id}/state/__proto__`).send({ value: 4 }).expect(200);
      expect((await api.get(`/v1/sessions/${session_id}/state/__proto__`).expect(200)).body.value).toBe(4);
      // Nobody else has inherited anything.
      expect(await state(await open())).toEqual({});
      await api.get(`/v1/sessions/${await open()}/state/mine`).expect(404);
    });
  });

  describe('POST /v1/sessions/{id}/fork', () => {
    it('R-SE9 begins with the events and the state up to any version', async () => {
      const id = await open({ metadata: { a: 1 }, initial_state: { n: 0 } });
      for (const n of [1, 2, 3]) await post(id, said({ event_id: `e${n}`, state_delta: { n } })).expect(201);
      for (const at_version of [1, 2, 3, 4]) {
        const { body } = await api.post(`/v1/sessions/${id}/fork`).send({ at_version }).expect(201);
        expect(body).toMatchObject({
          app_name: 'app',
          user_id: id,
          metadata: { a: 1 },
          state: { n: at_version - 1 },
          event_count: at_version - 1,
          forked_from: { session_id: id, version: at_version },
        });
        const { body: fork } = await api.get(`/v1/sessions/${body.session_id}`).expect(200);
        expect((fork.events as { event_id: string }[]).map(({ event_id }) => event_id)).toEqual(
          ['e1', 'e2', 'e3'].slice(0, at_version - 1),
        );
      }
    });

    it('R-SE9 goes its own way from there, and may be made without a body', async () => {
      const id = await open({ initial_state: { a: 1 } });
      const { body: fork } = await api.post(`/v1/sessions/${id}/fork`).expect(201);
      await post(fork.session_id as string, said({ state_delta: { a: 2 } })).expect(201);
      expect(await state(id)).toEqual({ a: 1 });
      expect(await state(fork.session_id as string)).toEqual({ a: 2 });
    });

    it('R-SE9 does not set what is shared back to what it was', async () => {
      const id = await open();
      await post(id, said({ state_delta: { 'user:x': 'old' } })).expect(201);
      await post(id, said({ state_delta: { 'user:x': 'new' } })).expect(201);
      await api.post(`/v1/sessions/${id}/fork`).send({ at_version: 2 }).expect(201);
      expect(await state(id)).toEqual({ 'user:x': 'new' });
    });

    it('R-SE9 goes on from a session that has ended', async () => {
      const id = await open({ initial_state: { a: 1 } });
      await post(id, said()).expect(201);
      await api.put(`/v1/sessions/${id}/status`).send({ status: 'terminated' }).expect(200);
      const { body } = await api.post(`/v1/sessions/${id}/fork`).send({ at_version: 2 }).expect(201);
      expect(body).toMatchObject({ status: 'active', state: { a: 1 }, terminated_at: null });
    });

    it('R-SE9 refuses a version that is not there, an id that is taken and a version that has moved on', async () => {
      const id = await open();
      expectProblem(await api.post(`/v1/sessions/${id}/fork`).send({ at_version: 9 }), 400, { field: 'at_version' });
      expectProblem(await api.post(`/v1/sessions/${id}/fork`).send({ at_version: 0 }), 400, { field: 'at_version' });
      expectProblem(await api.post(`/v1/sessions/${id}/fork`).send({ session_id: id }), 409);
      const stale = await api.post(`/v1/sessions/${id}/fork`).set('If-Match', '"5"').send({});
      expectProblem(stale, 412);
      expect(stale.body.current_version).toBe(1);
      await api.post(`/v1/sessions/${id}/fork`).set('If-Match', '"1"').send({}).expect(201);
    });
  });

  describe('DELETE /v1/sessions/{id}', () => {
    it('R-SE1 is gone, and its history stays', async () => {
      const id = await open({ initial_state: { a: 1 } });
      await post(id, said({ event_id: 'e1' })).expect(201);
      const { body: head } = await api.get('/v1/audit/head');
      const { headers, text } = await api.delete(`/v1/sessions/${id}`).expect(204).expect('ETag', '"3"');
      expect(text).toBe('');
      await api.get(`/v1/sessions/${id}`).expect(404);
      await api.delete(`/v1/sessions/${id}`).expect(404);
      expectProblem(await post(id, said()), 404);
      const { body: then } = await api.get(`/v1/sessions/${id}`).query({ as_of: head.position }).expect(200);
      expect(then).toMatchObject({ state: { a: 1 }, event_count: 1 });
      const { body: log } = await api.get('/v1/audit/events').query({ session_id: id });
      expect(log.items.map(({ type }: { type: string }) => type)).toEqual([
        'SessionCreated',
        'SessionEventAppended',
        'SessionDeleted',
      ]);
      expect(String(log.items[2].position)).toBe(headers['x-position']);
    });

    it('R-SE1 leaves its memories without it', async () => {
      const id = await open();
      const at = `/v1/memories/user:${id}/learnt`;
      await api
        .put(at)
        .send({ value: { a: 1 }, session_id: id })
        .expect(201);
      await api.delete(`/v1/sessions/${id}`).expect(204);
      const { body } = await api.get(at).expect(200);
      expect(body).toMatchObject({ value: { a: 1 }, session_id: null });
    });

    it('R-SE7 holds If-Match', async () => {
      const id = await open();
      expectProblem(await api.delete(`/v1/sessions/${id}`).set('If-Match', '"2"'), 412);
      await api.delete(`/v1/sessions/${id}`).set('If-Match', '"1"').expect(204);
    });
  });

  describe('Idempotency-Key', () => {
    it('R-SE4 gives the first session again, also when the server made its id', async () => {
      const key = randomUUID();
      const create = () =>
        api
          .post('/v1/sessions')
          .set('Idempotency-Key', key)
          .send({ app_name: 'a', user_id: key, initial_state: { n: 1 } });
      const first = await create().expect(201);
      await post(first.body.session_id as string, said({ state_delta: { n: 2 } })).expect(201);
      const again = await create().expect(201);
      expect(again.body).toEqual(first.body);
      expect(again.headers['etag']).toBe(first.headers['etag']);
      expect(again.headers['x-position']).toBe(first.headers['x-position']);
      const { body } = await api.get('/v1/sessions').query({ user_id: key });
      expect(body.items).toHaveLength(1);
    });

    it('R-SE4 gives the first answer of an event again with its status', async () => {
      const id = await open();
      const send = () => post(id, said({ state_delta: { n: 1, 'temp:t': 1 } })).set('Idempotency-Key', `${id}-event`);
      const first = await send().expect(201);
      const again = await send().expect(201);
      expect(again.body).toEqual(first.body);
      expect((await api.get(`/v1/sessions/${id}`)).body.event_count).toBe(1);
    });

    it('R-SE4 gives the first fork again, also when its source is gone', async () => {
      const id = await open();
      const send = () => api.post(`/v1/sessions/${id}/fork`).set('Idempotency-Key', `${id}-fork`).send({});
      const first = await send().expect(201);
      await api.delete(`/v1/sessions/${id}`).expect(204);
      expect((await send().expect(201)).body).toEqual(first.body);
    });

    it('R-SE4 gives the answers of a status, a value and a deletion again', async () => {
      const id = await open();
      const key = (name: string): [string, string] => ['Idempotency-Key', `${id}-${name}`];
      const calls = [
        () =>
          api
            .put(`/v1/sessions/${id}/state/a`)
            .set(...key('state'))
            .send({ value: 1 }),
        () =>
          api
            .put(`/v1/sessions/${id}/status`)
            .set(...key('status'))
            .send({ status: 'active' }),
        () => api.delete(`/v1/sessions/${id}`).set(...key('delete')),
      ];
      const first = [];
      for (const call of calls) first.push(await call());
      expect(first.map(({ status }) => status)).toEqual([200, 200, 204]);
      for (const [index, call] of calls.entries()) {
        const again = await call();
        expect([again.status, again.body, again.headers['etag']]).toEqual([
          first[index]!.status,
          first[index]!.body,
          first[index]!.headers['etag'],
        ]);
      }
    });

    it('R-SE4 refuses the key for another body, another method or another address', async () => {
      const id = await open();
      await post(id, said()).set('Idempotency-Key', `${id}-k`).expect(201);
      for (const answer of [
        await post(id, said({ content: {} })).set('Idempotency-Key', `${id}-k`),
        await post(await open(), said()).set('Idempotency-Key', `${id}-k`),
        await api.delete(`/v1/sessions/${id}`).set('Idempotency-Key', `${id}-k`),
      ]) {
        expectProblem(answer, 422, { code: 'idempotency-key-reused' });
      }
    });

    it('R-SE4 makes one of twenty concurrent duplicates', async () => {
      const id = await open();
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => post(id, said()).set('Idempotency-Key', `${id}-many`)),
      );
      expect(answers.map(({ status }) => status)).toEqual(Array<number>(20).fill(201));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      expect((await api.get(`/v1/sessions/${id}`)).body.event_count).toBe(1);
    });

    it('R-SE4 does not remember a refusal', async () => {
      const id = randomUUID();
      expectProblem(await post(id, said()).set('Idempotency-Key', `${id}-r`), 404);
      await api.post('/v1/sessions').send({ session_id: id, app_name: 'a', user_id: 'u' }).expect(201);
      await post(id, said()).set('Idempotency-Key', `${id}-r`).expect(201);
    });
  });

  it('R-A2 keeps the correlation id of a request, and its request id where there is none', async () => {
    const id = await open();
    const tied = await post(id, said()).set('X-Correlation-Id', 'turn-42').expect(201);
    const { body } = await api.get(`/v1/audit/events/${tied.headers['x-position']}`);
    expect(body.correlation_id).toBe('turn-42');
    const free = await post(id, said())
      .set('X-Request-Id', 'request-7')
      .expect(201)
      .expect('X-Request-Id', 'request-7');
    const { body: other } = await api.get(`/v1/audit/events/${free.headers['x-position']}`);
    expect(other.correlation_id).toBe('request-7');
  });

  it('R-C5 is read at once by another connection than wrote it', async () => {
    const id = await open();
    for (let n = 1; n <= 10; n++) {
      await post(id, said()).expect(201);
      const answer = await fetch(`${server.url}/v1/sessions/${id}?num_recent_events=0`, {
        headers: { connection: 'close' },
      });
      expect(((await answer.json()) as { event_count: number }).event_count).toBe(n);
    }
  });
});
