import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';

describe('Tasks over REST', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer();
    api = client(server);
  });
  afterAll(() => server.stop());

  const submit = (body: object = {}) => api.post('/v1/tasks').send({ prompt: 'Do it', ...body });
  const fresh = async (body: object = {}): Promise<string> => (await submit(body).expect(201)).body.task_id as string;
  const status = (id: string, body: object) => api.put(`/v1/tasks/${encodeURIComponent(id)}/status`).send(body);
  const claim = (body: object) => api.post('/v1/tasks/claim').send({ agent_id: 'a1', ...body });
  const get = async (id: string, query: object = {}) =>
    (
      await api
        .get(`/v1/tasks/${encodeURIComponent(id)}`)
        .query(query)
        .expect(200)
    ).body as Record<string, unknown>;
  const head = async (): Promise<number> => (await api.get('/v1/audit/head')).body.position as number;
  const session = async (): Promise<string> =>
    (await api.post('/v1/sessions').send({ app_name: 'a', user_id: 'u' }).expect(201)).body.session_id as string;
  /** A kind of agent that nothing else here is for. */
  const kind = (): string => `kind-${randomUUID()}`;

  describe('POST /v1/tasks', () => {
    it('R-T1 answers with the task, every default said', async () => {
      const { body, headers } = await submit().expect(201).expect('ETag', '"1"');
      expect(body).toEqual({
        task_id: expect.stringMatching(/^[\w-]{36}$/),
        prompt: 'Do it',
        agent_type: 'general',
        priority: 5,
        status: 'pending',
        input_data: {},
        result_data: null,
        error_message: null,
        retry_count: 0,
        max_retries: 3,
        max_execution_timeout_seconds: 3600,
        parent_task_id: null,
        dependencies: [],
        open_dependencies: 0,
        session_id: null,
        agent_id: null,
        procedure: null,
        outcome_namespace: null,
        created_by: 'anonymous',
        submitted_at: expect.stringMatching(/Z$/),
        started_at: null,
        timeout_at: null,
        completed_at: null,
        last_updated_at: body.submitted_at,
        version: 1,
      });
      expect(Number(headers['x-position'])).toBe(await head());
      expect(await get(body.task_id as string)).toEqual(body);
    });

    it('R-T1 refuses an id that is taken, and changes nothing', async () => {
      const task_id = `taken:${randomUUID()} 50%`;
      await submit({ task_id, prompt: 'first' }).expect(201);
      expectProblem(await submit({ task_id, prompt: 'second' }), 409, { code: 'task-exists' });
      expect((await get(task_id))['prompt']).toBe('first');
    });

    it.each<[object, string]>([
      [{ prompt: '' }, 'prompt'],
      [{ prompt: undefined }, 'prompt'],
      [{ priority: 0 }, 'priority'],
      [{ priority: 11 }, 'priority'],
      [{ priority: 1.5 }, 'priority'],
      [{ max_retries: -1 }, 'max_retries'],
      [{ max_retries: 1e12 }, 'max_retries'],
      [{ max_execution_timeout_seconds: 0 }, 'max_execution_timeout_seconds'],
      [{ max_execution_timeout_seconds: 1e12 }, 'max_execution_timeout_seconds'],
      [{ input_data: [] }, 'input_data'],
      [{ dependencies: 'x' }, 'dependencies'],
      [{ dependencies: ['x', 'x'] }, 'dependencies'],
      [{ task_id: 'x\u200b' }, 'task_id'],
      [{ task_id: 'self', dependencies: ['self'] }, 'dependencies'],
      [{ task_id: 'self', parent_task_id: 'self' }, 'parent_task_id'],
      [{ outcome_namespace: 'temp:x' }, 'outcome_namespace'],
      [{ status: 'running' }, 'status'],
    ])('R-T1 refuses %j with the field named, and writes nothing', async (body, field) => {
      const before = await head();
      expectProblem(await submit(body), 400, { field });
      expect(await head()).toBe(before);
    });

    it.each<[string, object]>([
      ['unknown-task', { dependencies: ['nowhere'] }],
      ['unknown-task', { parent_task_id: 'nowhere' }],
      ['unknown-session', { session_id: 'nowhere' }],
      ['unknown-procedure', { procedure: { namespace: 'app:x', key: 'nowhere', version: 1 } }],
    ])('R-T1 refuses with %s what refers to something that is not there: %j', async (code, body) => {
      expectProblem(await submit(body), 409, { code });
    });

    it('R-T1 belongs to a session that is there, and outlives it', async () => {
      const session_id = await session();
      const task_id = await fresh({ session_id });
      expect((await get(task_id))['session_id']).toBe(session_id);
      await api.delete(`/v1/sessions/${session_id}`).expect(204);
      expect((await get(task_id))['session_id']).toBeNull();
      await fresh({ session_id: null });
    });

    it('gives the first answer again under the same Idempotency-Key', async () => {
      const key = randomUUID();
      const send = () => submit({ prompt: 'once' }).set('Idempotency-Key', key);
      const { body } = await send().expect(201);
      await status(body.task_id as string, { status: 'cancelled' }).expect(200);
      // Without an id of the client's own, the repetition is known by its key.
      expect((await send()).body).toEqual(body);
    });
  });

  describe('POST /v1/tasks/claim', () => {
    it('R-T2 gives the highest priority, among these the oldest, and 204 when there is none', async () => {
      const agent_type = kind();
      const [a, b, c, d] = [
        await fresh({ agent_type, priority: 5 }),
        await fresh({ agent_type, priority: 1 }),
        await fresh({ agent_type, priority: 5 }),
        await fresh({ agent_type, priority: 1 }),
      ];
      const given: unknown[] = [];
      for (let n = 0; n < 4; n++) given.push((await claim({ agent_type }).expect(200)).body.task_id);
      expect(given).toEqual([b, d, a, c]);
      const { text } = await claim({ agent_type }).expect(204);
      expect(text).toBe('');
    });

    it('R-T2 says who has it, since when and until when', async () => {
      const agent_type = kind();
      await fresh({ agent_type, max_execution_timeout_seconds: 60 });
      const { body } = await claim({ agent_type, agent_id: 'a7' }).expect(200).expect('ETag', '"2"');
      expect(body).toMatchObject({ status: 'running', agent_id: 'a7', version: 2 });
      expect(Date.parse(body.timeout_at as string) - Date.parse(body.started_at as string)).toBe(60_000);
    });

    it('R-T1 gives nothing that waits for others, until the last of them is completed', async () => {
      const agent_type = kind();
      const first = await fresh();
      const second = await fresh();
      const { headers, body } = await submit({ agent_type, dependencies: [first, second] }).expect(201);
      const task_id = body.task_id as string;
      const tag = (await api.get(`/v1/tasks/${task_id}`)).headers['etag']!;
      expect(tag).not.toBe(headers['etag']);
      await claim({ agent_type }).expect(204);
      expectProblem(await status(task_id, { status: 'running' }), 409, { code: 'dependencies-open' });
      await status(first, { status: 'running' }).expect(200);
      await status(first, { status: 'completed' }).expect(200);
      await claim({ agent_type }).expect(204);
      await api.get(`/v1/tasks/${task_id}`).set('If-None-Match', tag).expect(200);
      await status(second, { status: 'running' }).expect(200);
      await status(second, { status: 'completed' }).expect(200);
      expect(await get(task_id)).toMatchObject({ open_dependencies: 0, version: 1 });
      expect((await claim({ agent_type }).expect(200)).body.task_id).toBe(task_id);
    });

    it('R-T2 gives the same task again under the same Idempotency-Key', async () => {
      const agent_type = kind();
      await fresh({ agent_type });
      await fresh({ agent_type });
      const key = randomUUID();
      const send = () => claim({ agent_type }).set('Idempotency-Key', key).expect(200);
      expect((await send()).body).toEqual((await send()).body);
    });

    it('refuses If-Match, an unknown field, and nobody', async () => {
      expectProblem(await claim({}).set('If-Match', '"1"'), 400, { field: 'If-Match' });
      expectProblem(await claim({ colour: 'red' }), 400, { field: 'colour' });
      expectProblem(await api.post('/v1/tasks/claim').send({}), 400, { field: 'agent_id' });
      expectProblem(await claim({ agent_id: '' }), 400, { field: 'agent_id' });
    });
  });

  describe('PUT /v1/tasks/{id}/status', () => {
    const running = async (body: object = {}): Promise<string> => {
      const task_id = await fresh(body);
      await status(task_id, { status: 'running', agent_id: 'a1' }).expect(200);
      return task_id;
    };

    it('R-T1 completes with a result', async () => {
      const task_id = await running();
      const { body } = await status(task_id, { status: 'completed', result_data: { pages: 2 } }).expect(200);
      expect(body).toMatchObject({ status: 'completed', result_data: { pages: 2 }, agent_id: 'a1', timeout_at: null });
      expect(body.completed_at).toBe(body.last_updated_at);
      const again = await status(task_id, { status: 'completed', result_data: { pages: 2 } }).expect(200);
      expect(again.body).toEqual(body);
      expect(again.headers['x-position']).toBe(
        (await status(task_id, { status: 'completed', result_data: { pages: 2 } })).headers['x-position'],
      );
    });

    it('R-T1 goes back to pending as often as it may be tried again, then fails for good', async () => {
      const task_id = await fresh({ max_retries: 1 });
      await status(task_id, { status: 'running' }).expect(200);
      const { body } = await status(task_id, { status: 'failed', error_message: 'no ink' }).expect(200);
      expect(body).toMatchObject({ status: 'pending', retry_count: 1, error_message: 'no ink', agent_id: null });
      await status(task_id, { status: 'running' }).expect(200);
      const last = await status(task_id, { status: 'failed', error_message: 'no paper' }).expect(200);
      expect(last.body).toMatchObject({ status: 'failed', retry_count: 1, error_message: 'no paper' });
    });

    it('R-T1 fails for good at once where trying again makes no sense', async () => {
      const task_id = await running();
      const { body } = await status(task_id, { status: 'failed', retry: false }).expect(200);
      expect(body).toMatchObject({ status: 'failed', retry_count: 0 });
    });

    it('R-T2 goes nowhere that its status does not lead', async () => {
      const pending = await fresh();
      const begun = await running();
      const done = await running();
      await status(done, { status: 'completed' }).expect(200);
      const before = await head();
      for (const [id, to] of [
        [pending, 'completed'],
        [pending, 'failed'],
        [pending, 'pending'],
        [begun, 'pending'],
        [done, 'running'],
        [done, 'pending'],
        [done, 'cancelled'],
      ] as const) {
        expectProblem(await status(id, { status: to }), 409, { code: 'illegal-transition' });
      }
      // Meanwhile an outcome may have been remembered in the background.
      const { body } = await api.get(`/v1/audit/events?after=${before}`).expect(200);
      const types = (body as { items: { type: string }[] }).items.map(({ type }) => type);
      expect(types.filter((type) => type.startsWith('Task'))).toEqual([]);
    });

    it('R-T2 is not ended by whom it was taken from', async () => {
      const task_id = await running();
      const stale = await status(task_id, { status: 'completed', agent_id: 'a2' });
      expectProblem(stale, 409, { code: 'task-of-another' });
      await status(task_id, { status: 'completed', agent_id: 'a1' }).expect(200);
    });

    it('R-T2 holds If-Match', async () => {
      const task_id = await running();
      const stale = await status(task_id, { status: 'completed' }).set('If-Match', '"1"');
      expectProblem(stale, 412);
      expect(stale.body.current_version).toBe(2);
      expectProblem(await status(task_id, { status: 'running', agent_id: 'a1' }).set('If-Match', '"1"'), 412);
      await status(task_id, { status: 'completed' }).set('If-Match', '"2"').expect(200).expect('ETag', '"3"');
    });

    it.each<[object, string]>([
      [{ status: 'done' }, 'status'],
      [{}, 'status'],
      [{ status: 'completed', error_message: 'x' }, 'error_message'],
      [{ status: 'failed', result_data: {} }, 'result_data'],
      [{ status: 'cancelled', retry: true }, 'retry'],
      [{ status: 'running', result_data: {} }, 'result_data'],
      [{ status: 'completed', result_data: [] }, 'result_data'],
    ])('refuses %j: what does not belong together is not dropped', async (body, field) => {
      expectProblem(await status(await running(), body), 400, { field });
    });

    it.each(['running', 'completed', 'failed', 'cancelled', 'pending'])('of none is 404: %s', async (to) => {
      expectProblem(await status('nowhere', { status: to }), 404, { code: 'task-not-found' });
    });
  });

  describe('GET /v1/tasks', () => {
    const ids = async (query: object): Promise<unknown[]> =>
      ((await api.get('/v1/tasks').query(query).expect(200)).body.items as { task_id: string }[]).map(
        ({ task_id }) => task_id,
      );

    it('R-T1 lists by each filter, newest first, page by page', async () => {
      const agent_type = kind();
      const session_id = await session();
      const parent_task_id = await fresh();
      const a = await fresh({ agent_type, priority: 2, session_id });
      const b = await fresh({ agent_type, priority: 3, parent_task_id });
      const c = await fresh({ agent_type, priority: 3 });
      await status(c, { status: 'running', agent_id: 'lister' }).expect(200);
      expect(await ids({ agent_type })).toEqual([c, b, a]);
      expect(await ids({ session_id })).toEqual([a]);
      expect(await ids({ parent_task_id })).toEqual([b]);
      expect(await ids({ agent_type, priority: 3 })).toEqual([c, b]);
      expect(await ids({ agent_type, status: 'pending' })).toEqual([b, a]);
      expect(await ids({ agent_id: 'lister' })).toEqual([c]);
      const { body } = await api.get('/v1/tasks').query({ agent_type, limit: 2 }).expect(200);
      await fresh({ agent_type });
      expect(await ids({ agent_type, limit: 2, cursor: body.next_cursor })).toEqual([a]);
      expectProblem(await api.get('/v1/tasks').query({ limit: 2, cursor: body.next_cursor as string }), 400, {
        field: 'cursor',
      });
      expectProblem(await api.get('/v1/tasks').query({ status: 'done' }), 400, { field: 'status' });
    });

    it('R-C1 shows them as they were: one, and lists by the status and the agent of then', async () => {
      const agent_type = kind();
      const first = await fresh({ agent_type });
      const waiting = await fresh({ agent_type, dependencies: [first], max_retries: 1 });
      const submitted = await head();
      await status(first, { status: 'running', agent_id: 'past' }).expect(200);
      const started = await head();
      await status(first, { status: 'completed', result_data: { n: 1 } }).expect(200);
      await status(waiting, { status: 'running', agent_id: 'past' }).expect(200);
      await status(waiting, { status: 'failed', error_message: 'once' }).expect(200);
      const retried = await head();
      await status(waiting, { status: 'cancelled' }).expect(200);

      expect(await get(first, { as_of: submitted })).toMatchObject({ status: 'pending', version: 1, agent_id: null });
      expect(await get(first, { as_of: started })).toMatchObject({ status: 'running', agent_id: 'past', version: 2 });
      expect(await get(waiting, { as_of: started })).toMatchObject({ open_dependencies: 1 });
      expect(await get(waiting, { as_of: retried })).toMatchObject({
        status: 'pending',
        retry_count: 1,
        error_message: 'once',
        open_dependencies: 0,
      });
      expect(await ids({ agent_type, status: 'pending', as_of: submitted })).toEqual([waiting, first]);
      expect(await ids({ agent_type, status: 'pending', as_of: started })).toEqual([waiting]);
      expect(await ids({ agent_type, agent_id: 'past', as_of: started })).toEqual([first]);
      expect(await ids({ agent_type, agent_id: 'past', as_of: submitted })).toEqual([]);
      expect(await ids({ agent_type, status: 'pending', as_of: retried })).toEqual([waiting]);
      expect(await ids({ agent_type, agent_id: 'past', as_of: retried })).toEqual([first]);
      expect(await ids({ agent_type, as_of: submitted - 1 })).toEqual([first]);
      expectProblem(await api.get(`/v1/tasks/${waiting}`).query({ as_of: submitted - 1 }), 404);
      expectProblem(await api.get(`/v1/tasks/${waiting}`).query({ as_of: 10 ** 9 }), 400, { field: 'as_of' });
    });
  });

  describe('What a task keeps', () => {
    const at = (id: string, rest: string): string => `/v1/tasks/${encodeURIComponent(id)}/${rest}`;

    it('R-T4 is a value by key, with a version for each other value, and its past', async () => {
      const task_id = await fresh();
      const put = (key: string, value: unknown) =>
        api.put(at(task_id, `state/${encodeURIComponent(key)}`)).send({ value });
      const { body } = await put('draft/1', ['a', null]).expect(200).expect('ETag', '"1"');
      expect(body).toEqual({
        task_id,
        key: 'draft/1',
        value: ['a', null],
        updated_by: 'anonymous',
        updated_at: expect.stringMatching(/Z$/),
        version: 1,
      });
      const then = await head();
      await put('draft/1', null).expect('ETag', '"2"');
      await put('draft/1', null).expect('ETag', '"2"');
      await put('__proto__', { polluted: true }).expect(200);
      const one = at(task_id, `state/${encodeURIComponent('draft/1')}`);
      expect((await api.get(one).expect(200)).body.value).toBeNull();
      expect((await api.get(one).query({ as_of: then }).expect(200)).body).toEqual(body);
      const page = await api.get(at(task_id, 'state')).expect(200);
      expect(page.body.items.map(({ key }: { key: string }) => key)).toEqual(['__proto__', 'draft/1']);
      const past = await api.get(at(task_id, 'state')).query({ as_of: then }).expect(200);
      expect(past.body.items).toEqual([body]);
      expectProblem(await put('draft/1', 3).set('If-Match', '"1"'), 412);
    });

    it('R-T4 is a checkpoint for each iteration, with its past', async () => {
      const session_id = await session();
      const task_id = await fresh({ session_id });
      const put = (iteration: number | string, state: unknown) =>
        api.put(at(task_id, `checkpoints/${iteration}`)).send({ state });
      const first = await put(0, { page: 1 }).expect(201);
      expect(first.body).toEqual({
        task_id,
        iteration: 0,
        state: { page: 1 },
        session_id,
        created_by: 'anonymous',
        created_at: expect.stringMatching(/Z$/),
        version: 1,
      });
      const then = await head();
      await put(1, { page: 2 }).expect(201);
      await put(0, { page: 9 }).expect(200).expect('ETag', '"2"');
      await put(0, { page: 9 }).expect(200).expect('ETag', '"2"');
      const page = await api.get(at(task_id, 'checkpoints')).query({ limit: 1 }).expect(200);
      expect(page.body.items).toMatchObject([{ iteration: 1, state: { page: 2 } }]);
      const rest = await api
        .get(at(task_id, 'checkpoints'))
        .query({ cursor: page.body.next_cursor as string, limit: 1 });
      expect(rest.body.items).toMatchObject([{ iteration: 0, state: { page: 9 }, version: 2 }]);
      const past = await api.get(at(task_id, 'checkpoints')).query({ as_of: then }).expect(200);
      expect(past.body.items).toEqual([first.body]);
      expect((await api.get(at(task_id, 'checkpoints/0')).query({ as_of: then })).body).toEqual(first.body);
      await api.delete(`/v1/sessions/${session_id}`).expect(204);
      expect((await api.get(at(task_id, 'checkpoints/0')).expect(200)).body.session_id).toBeNull();
    });

    it.each(['-1', '1.5', 'x', '1e3', '99999999999'])('R-T4 refuses iteration %s', async (iteration) => {
      const task_id = await fresh();
      expectProblem(await api.put(at(task_id, `checkpoints/${iteration}`)).send({ state: {} }), 400, {
        field: 'iteration',
      });
    });

    it('R-T4 of no task is 404, and what it does not keep is', async () => {
      const before = await head();
      for (const path of ['state', 'state/k', 'checkpoints', 'checkpoints/1'])
        expectProblem(await api.get(at('nowhere', path)), 404, { code: 'task-not-found' });
      expectProblem(await api.put(at('nowhere', 'state/k')).send({ value: 1 }), 404, { code: 'task-not-found' });
      expectProblem(await api.put(at('nowhere', 'checkpoints/1')).send({ state: {} }), 404, { code: 'task-not-found' });
      expect(await head()).toBe(before);
      const task_id = await fresh();
      expectProblem(await api.get(at(task_id, 'state/k')), 404, { code: 'state-key-not-found' });
      expectProblem(await api.get(at(task_id, 'checkpoints/1')), 404, { code: 'checkpoint-not-found' });
    });
  });
});
