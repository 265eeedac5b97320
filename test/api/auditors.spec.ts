import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';

describe('For auditors, over REST', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
    api = client(server);
  });
  afterAll(() => server.stop());

  const head = async (): Promise<number> => (await api.get('/v1/audit/head')).body.position as number;
  const put = (namespace: string, key: string, n: number, operation = randomUUID()) =>
    api.put(`/v1/memories/${namespace}/${key}`).set('X-Correlation-Id', operation).send({ value: { n } });
  const begin = (session_id: string, initial_state: object = {}) =>
    api.post('/v1/sessions').send({ session_id, app_name: 'a', user_id: session_id, initial_state });

  describe('the difference between two positions', () => {
    const ns = `user:${randomUUID()}`;
    const session = randomUUID();
    let [from, to] = [0, 0];
    beforeAll(async () => {
      await put(ns, 'changed', 1);
      await put(ns, 'gone', 1);
      await put(ns, 'same', 1);
      await put(`${ns}x`, 'neighbour', 1);
      await begin(session, { mood: 'calm' });
      from = await head();
      await put(ns, 'changed', 2);
      await put(ns, 'changed', 3);
      await api.delete(`/v1/memories/${ns}/gone`);
      await put(ns, 'same', 2);
      await put(ns, 'same', 1);
      await put(`${ns}:deep`, 'new', 1);
      await put(ns, 'passing', 1);
      await api.delete(`/v1/memories/${ns}/passing`);
      await put(`${ns}x`, 'neighbour', 2);
      await api.put(`/v1/sessions/${session}/state/mood`).send({ value: 'angry' });
      await api.put(`/v1/sessions/${session}/status`).send({ status: 'active' });
      to = await head();
      await put(ns, 'changed', 9);
    });
    const diff = async (query: object) =>
      (
        await api
          .get('/v1/diff')
          .query({ from, to, ...query })
          .expect(200)
      ).body;

    it('R-M8 tells what was created, changed and deleted below a namespace, and nothing else', async () => {
      expect(await diff({ namespace_prefix: ns })).toEqual({
        from,
        to,
        next_cursor: null,
        items: [
          {
            kind: 'memory',
            namespace: ns,
            key: 'changed',
            change: 'changed',
            from_version: 1,
            to_version: 3,
            position: from + 1,
            patch: [{ op: 'replace', path: '/value/n', value: 3 }],
          },
          {
            kind: 'memory',
            namespace: ns,
            key: 'gone',
            change: 'deleted',
            from_version: 1,
            to_version: null,
            position: from + 3,
            patch: [{ op: 'remove', path: '' }],
          },
          {
            kind: 'memory',
            namespace: `${ns}:deep`,
            key: 'new',
            change: 'created',
            from_version: null,
            to_version: 1,
            position: from + 6,
            patch: [
              {
                op: 'add',
                path: '',
                value: {
                  memory_type: 'semantic',
                  value: { n: 1 },
                  metadata: {},
                  expires_at: null,
                  consolidated_into: null,
                  is_archived: false,
                },
              },
            ],
          },
        ],
      });
    });

    it('R-M8 tells of the state and status of a session', async () => {
      const { items } = await diff({ session_id: session });
      expect(items).toMatchObject([{ kind: 'session', session_id: session, change: 'changed', from_version: 1 }]);
      expect(items[0].patch).toEqual(
        expect.arrayContaining([
          { op: 'replace', path: '/status', value: 'active' },
          { op: 'replace', path: '/state/mood', value: 'angry' },
        ]),
      );
    });

    it('R-M8 tells of everything, page by page, each thing once and always alike', async () => {
      const all = (await diff({})).items as { position: number }[];
      expect(all.map(({ position }) => position - from)).toEqual([1, 3, 6, 9, 10]);
      const seen: unknown[] = [];
      let cursor: string | undefined;
      do {
        const page = await diff({ limit: 2, cursor });
        seen.push(...page.items);
        cursor = page.next_cursor ?? undefined;
      } while (cursor !== undefined);
      expect(seen).toEqual(all);
      expect((await diff({ from: 0, to: 0 })).items).toEqual([]);
      expect((await diff({ to: from })).items).toEqual([]);
    });

    it('R-M8 refuses what makes no sense', async () => {
      const refused = async (query: object, field: string) =>
        expectProblem(await api.get('/v1/diff').query({ from, to, ...query }), 400, { field });
      await refused({ from: to, to: from }, 'from');
      await refused({ to: 999_999 }, 'to');
      await refused({ from: 'yesterday' }, 'from');
      await refused({ to: undefined }, 'to');
      await refused({ namespace_prefix: ns, session_id: session }, 'session_id');
      await refused({ namespace_prefix: 'user::x' }, 'namespace_prefix');
      await refused({ cursor: 'bm9uc2Vuc2U' }, 'cursor');
      await refused({ memory_type: 'semantic' }, 'memory_type');
      expectProblem(await api.get('/v1/diff').query({ from, to, session_id: 'nobody' }), 404, {});
    });
  });

  describe('why a memory is what it is', () => {
    it('R-A3 tells its events, and what it was made of and into, over more than one step', async () => {
      const session = randomUUID();
      await begin(session);
      const [source, middle, last] = [`session:${session}`, `user:${session}`, `project:${session}`];
      const operation = randomUUID();
      await api
        .put(`/v1/memories/${source}/k`)
        .set('X-Correlation-Id', operation)
        .send({ value: { n: 1 }, session_id: session, task_id: 'task:1' });
      for (const [from_namespace, to_namespace] of [
        [source, middle],
        [middle, last],
      ])
        await api.post('/v1/memories/publish').send({ from_namespace, to_namespace, key: 'k' }).expect(201);
      await put(middle, 'k', 2);
      await api.post(`/v1/memories/${middle}/k/restore`).send({ version: 1 }).expect(200);
      const { body } = await api.get(`/v1/memories/${middle}/k/why`).expect(200);
      expect(body.events).toMatchObject([
        { memory_operation: 'restore' },
        { memory_operation: 'update' },
        { memory_operation: 'publish', type: 'MemoryWritten', actor: 'anonymous' },
      ]);
      expect(body.came_from).toMatchObject([
        { relation: 'published_from', depth: 1, kind: 'memory', namespace: source, key: 'k', version: 1 },
        { relation: 'restored_from', depth: 1, kind: 'memory', namespace: middle, key: 'k', version: 1 },
        { relation: 'written_in_session', depth: 2, kind: 'session', session_id: session, operation },
        { relation: 'written_in_task', depth: 2, kind: 'task', task_id: 'task:1', operation },
      ]);
      expect(body.led_to).toMatchObject([
        { relation: 'published_from', kind: 'memory', namespace: last, key: 'k', depth: 1 },
        { relation: 'restored_from', namespace: middle },
      ]);
      expect(body.truncated).toBe(false);
      const { body: origin } = await api.get(`/v1/memories/${source}/k/why`).expect(200);
      expect(origin.led_to).toMatchObject([
        { namespace: middle, depth: 1 },
        { namespace: last, depth: 2 },
        { namespace: middle, depth: 2 },
      ]);
    });

    it('R-A3 ends where things were made of each other in a circle', async () => {
      const [a, b] = [`user:${randomUUID()}`, `user:${randomUUID()}`];
      await put(a, 'k', 1);
      const publish = (from_namespace: string, to_namespace: string) =>
        api.post('/v1/memories/publish').send({ from_namespace, to_namespace, key: 'k' }).expect(201);
      await publish(a, b);
      await put(b, 'k', 2);
      await publish(b, a);
      const { body } = await api.get(`/v1/memories/${a}/k/why`).expect(200);
      expect([body.came_from, body.led_to].map((links) => links.length)).toEqual([2, 2]);
    });

    it('R-A3 knows nothing of a memory that never was', async () => {
      expectProblem(await api.get('/v1/memories/user:x/none/why'), 404, { code: 'memory-not-found' });
      expectProblem(await api.get('/v1/memories/nowhere/none/why'), 400, { field: 'namespace' });
    });
  });

  describe('taking back what was done under a correlation id', () => {
    const revert = (operation: string, body?: object, by?: string) => {
      const request = api.post(`/v1/operations/${operation}/revert`);
      if (by !== undefined) void request.set('X-Correlation-Id', by);
      return body === undefined ? request : request.send(body);
    };
    const value = async (ns: string, key: string): Promise<unknown> =>
      (await api.get(`/v1/memories/${ns}/${key}`)).body.value?.n;

    it('R-A6 tells first, then does it, then has nothing left to do; and it can be taken back itself', async () => {
      const [ns, operation, by] = [`user:${randomUUID()}`, randomUUID(), randomUUID()];
      await put(ns, 'a', 1);
      await put(ns, 'a', 2, operation);
      await put(ns, 'b', 1, operation);
      const before = await head();
      const { body: told } = await revert(operation, { dry_run: true }, by).expect(200);
      expect(told).toMatchObject({ operation, dry_run: true, reverted_by: by, events: 3, refused: [], kept: [] });
      expect([await head(), await value(ns, 'a'), await value(ns, 'b')]).toEqual([before, 2, 1]);
      const done = await revert(operation, undefined, by).expect(200);
      expect(done.body).toEqual({ ...told, dry_run: false });
      expect(done.headers['x-position']).toBe(String(before + 3));
      expect([await value(ns, 'a'), await value(ns, 'b')]).toEqual([1, undefined]);
      const { body: events } = await api.get('/v1/audit/events').query({ correlation_id: by });
      expect((events.items as { causation_id: string }[]).map(({ causation_id }) => causation_id)).toEqual(
        Array.from({ length: 3 }, () => operation),
      );
      const { body: again } = await revert(operation).expect(200);
      expect(again).toMatchObject({ already: true, reverted_by: by, events: 0 });
      await revert(by).expect(200);
      expect([await value(ns, 'a'), await value(ns, 'b')]).toEqual([2, 1]);
    });

    it('R-A6 refuses what others have built on, and says what and by which events', async () => {
      const [ns, operation] = [`user:${randomUUID()}`, randomUUID()];
      await put(ns, 'a', 1, operation);
      await put(ns, 'b', 1, operation);
      await put(ns, 'a', 2, 'later');
      const position = await head();
      await api.post('/v1/memories/publish').send({ from_namespace: ns, to_namespace: `${ns}:shared`, key: 'b' });
      const refused = await revert(operation);
      expectProblem(refused, 409, { code: 'revert-refused' });
      const { body } = refused;
      const details = (body.errors as { field: string; detail: string }[]).map(({ detail }) => detail);
      expect(details).toContainEqual(`${ns}/a was changed or used since: MemoryWritten at ${position} (later)`);
      expect(details).toContainEqual(
        expect.stringContaining(`${ns}/b was changed or used since: MemoryWritten at ${position + 1} (`),
      );
      expect([await value(ns, 'a'), await value(ns, 'b')]).toEqual([2, 1]);
      const { body: told } = await revert(operation, { dry_run: true }).expect(200);
      expect(told).toMatchObject({ events: 0, reverted_by: null, taken_back: [] });
      expect(told.refused).toHaveLength(2);
      await api.delete(`/v1/memories/${ns}:shared/b`).expect(204);
      expectProblem(await revert(operation), 409, { code: 'revert-refused' });
    });

    it('R-A6 lets nothing slip in between: of writes at the same time each is seen or comes after', async () => {
      for (let round = 0; round < 10; round++) {
        const [ns, operation] = [`user:${randomUUID()}`, randomUUID()];
        await put(ns, 'a', 1);
        await put(ns, 'a', 2, operation);
        const [reverted, written] = await Promise.all([revert(operation), put(ns, 'a', 3)]);
        expect(written.status).toBe(200);
        expect([200, 409]).toContain(reverted.status);
        expect(await value(ns, 'a')).toBe(3);
        expect(written.body.version).toBe(reverted.status === 200 ? 4 : 3);
      }
    });

    it('R-A6 gives the first answer again for the same idempotency key', async () => {
      const [ns, operation] = [`user:${randomUUID()}`, randomUUID()];
      await put(ns, 'a', 1, operation);
      const key = randomUUID();
      const once = await revert(operation).set('Idempotency-Key', key).expect(200);
      const twice = await revert(operation).set('Idempotency-Key', key).expect(200);
      expect(twice.body).toEqual(once.body);
    });

    it('R-A6 refuses what it cannot do', async () => {
      expectProblem(await revert('nobody'), 404, { code: 'operation-not-found' });
      const operation = randomUUID();
      await put('user:x', operation, 1, operation);
      expectProblem(await revert(operation, undefined, operation), 400, { field: 'X-Correlation-Id' });
      expectProblem(await revert(operation, { dry_run: 'yes' }), 400, { field: 'dry_run' });
      expectProblem(await revert(operation, { force: true }), 400, { field: 'force' });
      expectProblem(await revert(operation).set('If-Match', '"1"'), 400, { field: 'If-Match' });
    });
  });

  describe('the past', () => {
    it('R-M8 is read wherever the present is: history, namespaces and export', async () => {
      const ns = `user:${randomUUID()}`;
      await put(ns, 'a', 1);
      await put(`${ns}:deep`, 'a', 1);
      const as_of = await head();
      await put(ns, 'a', 2);
      await api.delete(`/v1/memories/${ns}:deep/a`);
      await put(`${ns}:new`, 'a', 1);
      const items = async (path: string, query: object) =>
        (
          await api
            .get(path)
            .query({ as_of, ...query })
            .expect(200)
        ).body.items as Record<string, unknown>[];
      expect(await items(`/v1/memories/${ns}/a/history`, {})).toMatchObject([{ version: 1 }]);
      expect(await items('/v1/namespaces', { prefix: ns })).toEqual([
        { namespace: ns, count: 1 },
        { namespace: `${ns}:deep`, count: 1 },
      ]);
      const { text } = await api.get('/v1/memories/export').query({ namespace_prefix: ns, as_of }).expect(200);
      const lines = text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { value: unknown });
      expect(lines.map(({ value }) => value)).toEqual([{ n: 1 }, { n: 1 }]);
      for (const path of [`/v1/memories/${ns}/a/history`, '/v1/namespaces', '/v1/memories/export'])
        expectProblem(await api.get(path).query({ as_of: 999_999 }), 400, { field: 'as_of' });
    });
  });
});
