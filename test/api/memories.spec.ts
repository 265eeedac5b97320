import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { applyPatch, type Operation } from 'rfc6902';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';

const enc = encodeURIComponent;

describe('Memories over REST', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer();
    api = client(server);
  });
  afterAll(() => server.stop());

  const at = (namespace: string, key: string): string => `/v1/memories/${enc(namespace)}/${enc(key)}`;
  const put = (namespace: string, key: string, body: object = { value: {} }) => api.put(at(namespace, key)).send(body);
  const fresh = (): string => `user:${randomUUID()}`;
  const keys = async (query: object): Promise<string[]> =>
    ((await api.get('/v1/memories').query(query).expect(200)).body.items as { key: string }[]).map(({ key }) => key);
  const head = async (): Promise<number> => (await api.get('/v1/audit/head')).body.position as number;

  describe('POST /v1/memories', () => {
    it('R-M2 answers with the memory, its version and its place in the log', async () => {
      const namespace = fresh();
      const { body, headers } = await api
        .post('/v1/memories')
        .send({
          namespace,
          key: 'coffee',
          value: { taste: 'black' },
          memory_type: 'episodic',
          metadata: { source: 'chat' },
          created_by: 'agent:a1',
          task_id: 't1',
          ttl_seconds: 60,
        })
        .expect(201)
        .expect('ETag', '"1"');
      expect(body).toEqual({
        id: Number(headers['x-position']),
        namespace,
        key: 'coffee',
        value: { taste: 'black' },
        memory_type: 'episodic',
        version: 1,
        is_deleted: false,
        metadata: { source: 'chat' },
        created_by: 'agent:a1',
        updated_by: 'agent:a1',
        created_at: expect.stringMatching(/Z$/),
        updated_at: body.created_at,
        expires_at: new Date(Date.parse(body.created_at as string) + 60_000).toISOString(),
        task_id: 't1',
        session_id: null,
        published_from: null,
        consolidated_into: null,
        consolidated_from: null,
        is_archived: false,
        is_quarantined: false,
        requires_review: false,
      });
      expect(headers['x-request-id']).toBeDefined();
      expect((await api.get(at(namespace, 'coffee'))).body).toEqual(body);
    });

    it('R-M5 refuses an address that is taken, and changes nothing', async () => {
      const namespace = fresh();
      const add = (value: object) => api.post('/v1/memories').send({ namespace, key: 'k', value });
      await add({ a: 1 }).expect(201);
      expectProblem(await add({ a: 2 }), 409, { code: 'memory-exists' });
      expect((await api.get(at(namespace, 'k'))).body).toMatchObject({ version: 1, value: { a: 1 } });
      await api.delete(at(namespace, 'k')).expect(204);
      expect((await add({ a: 3 }).expect(201)).body.version).toBe(2);
    });

    it('R-M2 is semantic where nobody says what it is, and has no end then', async () => {
      const { body } = await api.post('/v1/memories').send({ namespace: fresh(), key: 'k', value: {} }).expect(201);
      expect(body).toMatchObject({ memory_type: 'semantic', metadata: {}, expires_at: null });
    });

    it('R-M2 refers to a session that is there, or to none', async () => {
      const session_id = randomUUID();
      const namespace = fresh();
      const add = (key: string, session: unknown) =>
        api.post('/v1/memories').send({ namespace, key, value: {}, session_id: session, task_id: null });
      expectProblem(await add('a', session_id), 409, { code: 'unknown-session' });
      await api.post('/v1/sessions').send({ session_id, app_name: 'a', user_id: 'u' }).expect(201);
      expect((await add('a', session_id).expect(201)).body.session_id).toBe(session_id);
      expect((await add('b', null).expect(201)).body.session_id).toBeNull();
      await api.delete(`/v1/sessions/${session_id}`).expect(204);
      expectProblem(await add('c', session_id), 409, { code: 'unknown-session' });
      expectProblem(await put(namespace, 'c', { value: {}, session_id }), 409, { code: 'unknown-session' });
    });

    it('R-M5 holds If-Match', async () => {
      const namespace = fresh();
      const stale = await api.post('/v1/memories').set('If-Match', '"1"').send({ namespace, key: 'k', value: {} });
      expectProblem(stale, 412);
      expect(stale.body.current_version).toBeNull();
    });
  });

  describe('PUT /v1/memories/{namespace}/{key}', () => {
    it('R-M3 answers 201 for a new one, 200 for a version, and 200 with the same version when nothing differs', async () => {
      const namespace = fresh();
      await put(namespace, 'k', { value: { n: 1 } })
        .expect(201)
        .expect('ETag', '"1"');
      const second = await put(namespace, 'k', { value: { n: 2 } })
        .expect(200)
        .expect('ETag', '"2"');
      const before = await head();
      const same = await put(namespace, 'k', { value: { n: 2 } })
        .expect(200)
        .expect('ETag', '"2"');
      expect(same.body).toEqual(second.body);
      expect(same.headers['x-position']).toBe(second.headers['x-position']);
      expect(await head()).toBe(before);
      const { body } = await api.get(`${at(namespace, 'k')}?version=1`).expect(200);
      expect(body.value).toEqual({ n: 1 });
    });

    it('R-M3 sees no difference in the order of fields, and one in metadata', async () => {
      const namespace = fresh();
      await put(namespace, 'k', { value: { a: 1, b: { c: 1, d: 2 } } }).expect(201);
      await put(namespace, 'k', { value: { b: { d: 2, c: 1 }, a: 1 } }).expect('ETag', '"1"');
      await put(namespace, 'k', { value: { a: 1, b: { c: 1, d: 2 } }, metadata: { x: 1 } }).expect('ETag', '"2"');
    });

    it('R-M3 remembers who made it and who changed it', async () => {
      const namespace = fresh();
      await put(namespace, 'k', { value: { n: 1 }, updated_by: 'agent:one' }).expect(201);
      const { body } = await put(namespace, 'k', { value: { n: 2 }, updated_by: 'agent:two' }).expect(200);
      expect(body).toMatchObject({ created_by: 'agent:one', updated_by: 'agent:two' });
      const { body: log } = await api.get('/v1/audit/events').query({ namespace_prefix: namespace });
      expect(log.items.map(({ actor }: { actor: string }) => actor)).toEqual(['agent:one', 'agent:two']);
      expect(log.items[1].agent_id).toBe('two');
    });

    it('R-M5 is written only at the version that its writer saw', async () => {
      const namespace = fresh();
      await put(namespace, 'k', { value: { n: 1 } }).expect(201);
      await put(namespace, 'k', { value: { n: 2 } })
        .set('If-Match', '"1"')
        .expect(200);
      const stale = await put(namespace, 'k', { value: { n: 3 } }).set('If-Match', '"1"');
      expectProblem(stale, 412, { code: 'version-conflict' });
      expect(stale.body.current_version).toBe(2);
      expect((await api.get(at(namespace, 'k'))).body.value).toEqual({ n: 2 });
    });

    it('R-M5 lets one of two writers with the same version win', async () => {
      const namespace = fresh();
      await put(namespace, 'k').expect(201);
      for (let version = 1; version <= 5; version++) {
        const answers = await Promise.all(
          ['a', 'b'].map((who) => put(namespace, 'k', { value: { who, version } }).set('If-Match', `"${version}"`)),
        );
        expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 412]);
      }
    });

    it('R-M3 loses no version of twenty concurrent writers', async () => {
      const namespace = fresh();
      const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => put(namespace, 'k', { value: { n } })));
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(19);
      const { body } = await api.get(`${at(namespace, 'k')}/history`).expect(200);
      const versions = (body.items as { version: number }[]).map(({ version }) => version);
      expect(versions).toEqual(Array.from({ length: 20 }, (_, n) => 20 - n));
      const values = (body.items as { value: { n: number } }[]).map(({ value }) => value.n);
      expect(new Set(values).size).toBe(20);
    });

    it('R-M2 keeps any JSON object as it is', async () => {
      const namespace = fresh();
      const value = { a: [1, 2.5, -3e-9, true, null, '', 'é🎉\u2028"\\'], '': { 'x.y': {} }, n: 9007199254740991 };
      await put(namespace, 'k', { value }).expect(201);
      expect((await api.get(at(namespace, 'k'))).body.value).toEqual(value);
    });

    it('R-M10 ends an episodic memory after 90 days, or when its writer says, and the others never', async () => {
      const namespace = fresh();
      const days = (body: { updated_at: string; expires_at: string }): number =>
        (Date.parse(body.expires_at) - Date.parse(body.updated_at)) / 86_400_000;
      const episodic = await put(namespace, 'e', { value: {}, memory_type: 'episodic' }).expect(201);
      expect(days(episodic.body as never)).toBe(90);
      const short = await put(namespace, 's', { value: {}, ttl_seconds: 86_400 }).expect(201);
      expect(days(short.body as never)).toBe(1);
      const { body } = await put(namespace, 'p', { value: {}, memory_type: 'procedural' }).expect(201);
      expect(body.expires_at).toBeNull();
    });
  });

  describe('Addresses', () => {
    it.each([
      ['user:alice', 'a/b'],
      ['user:alice', 'history'],
      ['user:alice', '..'],
      ['user:alice', 'a b?c#d&e=f+g'],
      ['user:100%', '100%'],
      ['user:%2F', '%2F'],
      ['user:snake_case:*', '*'],
      ['project:🎉:ü:漢字', '🎉'],
      ['app:a.b:c-d', "';--"],
      ['session:x y', 'x y'],
      ['user:__proto__', '__proto__'],
      ['user:constructor', 'constructor'],
    ])('R-M1 takes %s and %s for what they are', async (namespace, key) => {
      await put(namespace, key, { value: { namespace, key } }).expect(201);
      const { body } = await api.get(at(namespace, key)).expect(200);
      expect(body).toMatchObject({ namespace, key, value: { namespace, key } });
      expect(await keys({ namespace_prefix: namespace })).toContain(key);
    });

    it('R-M1 takes the longest segments, namespaces and keys, and nothing longer', async () => {
      const segment = 'x'.repeat(128);
      await put(`user:${segment}`, 'k'.repeat(256)).expect(201);
      await put(`user:${segment}:${segment}:${segment}:${'y'.repeat(120)}`, 'k').expect(201);
      expectProblem(await put(`user:${segment}x`, 'k'), 400, { field: 'namespace' });
      expectProblem(await put(`user:${segment}:${segment}:${segment}:${'y'.repeat(121)}`, 'k'), 400, {
        field: 'namespace',
      });
      expectProblem(await put('user:alice', 'k'.repeat(257)), 400, { field: 'key' });
    });
  });

  describe('GET /v1/memories/{namespace}/{key}', () => {
    it('R-M3 gives any version, also of a deleted memory', async () => {
      const namespace = fresh();
      for (const n of [1, 2, 3]) await put(namespace, 'k', { value: { n } });
      await api.delete(at(namespace, 'k')).expect(204);
      for (const n of [1, 2, 3]) {
        const { body } = await api.get(`${at(namespace, 'k')}?version=${n}`).expect(200);
        expect(body).toMatchObject({ version: n, value: { n } });
      }
      expectProblem(await api.get(`${at(namespace, 'k')}?version=4`), 404, { code: 'memory-not-found' });
      expectProblem(await api.get(at(namespace, 'k')), 404, { code: 'memory-not-found' });
    });

    it('R-M8 answers as of a position and as of a time, before and after a deletion', async () => {
      const namespace = fresh();
      const moments: { position: string; time: string }[] = [];
      const then = async (answer: PromiseLike<{ headers: Record<string, string> }>): Promise<void> => {
        const position = (await answer).headers['x-position']!;
        const { body } = await api.get(`/v1/audit/events/${position}`);
        moments.push({ position, time: body.time as string });
        await new Promise((resolve) => setTimeout(resolve, 5));
      };
      await then(put(namespace, 'k', { value: { n: 1 } }));
      await then(put(namespace, 'k', { value: { n: 2 } }));
      await then(api.delete(at(namespace, 'k')));
      await then(api.post(`${at(namespace, 'k')}/restore`));
      await then(put(namespace, 'k', { value: { n: 3 } }));
      const seen = [];
      for (const { position, time } of moments) {
        const [one, other] = [
          await api.get(at(namespace, 'k')).query({ as_of: position }),
          await api.get(at(namespace, 'k')).query({ as_of: time }),
        ];
        expect(other.body.value).toEqual(one.body.value);
        expect(other.status).toBe(one.status);
        seen.push(one.status === 200 ? (one.body.value as { n: number }).n : one.status);
        const listed = await keys({ namespace_prefix: namespace, as_of: position });
        expect(listed).toHaveLength(one.status === 200 ? 1 : 0);
      }
      expect(seen).toEqual([1, 2, 404, 2, 3]);
      const before = String(Number(moments[0]!.position) - 1);
      expectProblem(await api.get(at(namespace, 'k')).query({ as_of: before }), 404);
    });

    it('R-M8 refuses an as_of that is beyond the head, in the future or no time at all', async () => {
      for (const as_of of [
        String((await head()) + 1),
        '2999-12-31',
        '2025-02-30',
        '2025-13-01',
        'now',
        '-5',
        '1e3',
        '',
      ]) {
        for (const path of [at('user:x', 'k'), '/v1/memories']) {
          expectProblem(await api.get(path).query({ as_of }), 400, { field: 'as_of' });
        }
      }
    });

    it('R-M8 is not sent again to who has it already', async () => {
      const namespace = fresh();
      const { headers } = await put(namespace, 'k', { value: { n: 1 } });
      const known = headers['etag']!;
      for (const tags of [known, `W/${known}`, `"9", ${known}`, '*']) {
        const { text } = await api.get(at(namespace, 'k')).set('If-None-Match', tags).expect(304).expect('ETag', known);
        expect(text).toBe('');
      }
      await put(namespace, 'k', { value: { n: 2 } });
      await api.get(at(namespace, 'k')).set('If-None-Match', known).expect(200);
    });

    it('R-M8 gives every other read a tag of its own, too', async () => {
      const namespace = fresh();
      await put(namespace, 'k', { value: { n: 1 } });
      for (const path of [
        `/v1/memories?namespace_prefix=${enc(namespace)}`,
        `${at(namespace, 'k')}/history`,
        `/v1/namespaces?prefix=${enc(namespace)}`,
        `${at(namespace, 'k')}/diff?from=1&to=1`,
      ]) {
        const { headers } = await api.get(path).expect(200);
        await api.get(path).set('If-None-Match', headers['etag']!).expect(304);
      }
      const list = `/v1/memories?namespace_prefix=${enc(namespace)}`;
      const { headers } = await api.get(list);
      await put(namespace, 'k', { value: { n: 2 } });
      await api.get(list).set('If-None-Match', headers['etag']!).expect(200);
    });
  });

  describe('History, diff, restore', () => {
    it('R-M8 gives all versions, newest first, page by page', async () => {
      const namespace = fresh();
      for (let n = 1; n <= 5; n++) await put(namespace, 'k', { value: { n } });
      const seen: number[] = [];
      let cursor: string | null | undefined;
      do {
        const { body } = await api
          .get(`${at(namespace, 'k')}/history`)
          .query({ limit: 2, cursor })
          .expect(200);
        seen.push(...(body.items as { version: number }[]).map(({ version }) => version));
        cursor = body.next_cursor as string | null;
        if (seen.length === 2) await put(namespace, 'k', { value: { n: 6 } });
      } while (cursor !== null);
      expect(seen).toEqual([5, 4, 3, 2, 1]);
      await api.delete(at(namespace, 'k'));
      expect((await api.get(`${at(namespace, 'k')}/history`).expect(200)).body.items).toHaveLength(6);
      expectProblem(await api.get(`${at(namespace, 'nothing')}/history`), 404, { code: 'memory-not-found' });
    });

    it('R-M8 tells the difference of two versions as a JSON Patch that turns one into the other', async () => {
      const namespace = fresh();
      await put(namespace, 'k', { value: { a: 1, list: [1, 2, 3], 'x/y~z': 1 } });
      await put(namespace, 'k', {
        value: { a: 2, list: [1, 3], b: null },
        metadata: { m: 1 },
        memory_type: 'procedural',
      });
      const version = async (n: number): Promise<object> => {
        const { memory_type, value, metadata } = (await api.get(`${at(namespace, 'k')}?version=${n}`)).body as never;
        return { memory_type, value, metadata };
      };
      for (const [from, to] of [
        [1, 2],
        [2, 1],
        [1, 1],
      ]) {
        const { body } = await api.get(`${at(namespace, 'k')}/diff?from=${from}&to=${to}`).expect(200);
        const document = await version(from!);
        expect(applyPatch(document, body as Operation[]).every((error) => error === null)).toBe(true);
        expect(document).toEqual(await version(to!));
      }
      expect((await api.get(`${at(namespace, 'k')}/diff?from=1&to=1`)).body).toEqual([]);
      expectProblem(await api.get(`${at(namespace, 'k')}/diff?from=1&to=9`), 404, { code: 'memory-not-found' });
      expectProblem(await api.get(`${at(namespace, 'k')}/diff?from=1`), 400, { field: 'to' });
    });

    it('R-M4 deletes once, and the deletion can be taken back', async () => {
      const namespace = fresh();
      await put(namespace, 'k', { value: { n: 1 } });
      const { text, headers } = await api.delete(at(namespace, 'k')).expect(204).expect('ETag', '"1"');
      expect(text).toBe('');
      expect(Number(headers['x-position'])).toBe(await head());
      expectProblem(await api.delete(at(namespace, 'k')), 404, { code: 'memory-not-found' });
      expectProblem(await api.delete(at(namespace, 'never')), 404, { code: 'memory-not-found' });
      expect(await keys({ namespace_prefix: namespace })).toEqual([]);
      expect(await keys({ namespace_prefix: namespace, include_deleted: true })).toEqual(['k']);
      const { body } = await api
        .post(`${at(namespace, 'k')}/restore`)
        .expect(200)
        .expect('ETag', '"1"');
      expect(body).toMatchObject({ version: 1, is_deleted: false, value: { n: 1 } });
      await api
        .post(`${at(namespace, 'k')}/restore`)
        .expect(200)
        .expect('ETag', '"1"');
      expect(await keys({ namespace_prefix: namespace })).toEqual(['k']);
    });

    it('R-M4 rolls back by a new version, also out of a deletion', async () => {
      const namespace = fresh();
      for (const n of [1, 2, 3]) await put(namespace, 'k', { value: { n }, metadata: { n } });
      const { body } = await api
        .post(`${at(namespace, 'k')}/restore`)
        .send({ version: 1 })
        .expect(200)
        .expect('ETag', '"4"');
      expect(body).toMatchObject({ version: 4, value: { n: 1 }, metadata: { n: 1 } });
      await api.delete(at(namespace, 'k'));
      const again = await api
        .post(`${at(namespace, 'k')}/restore`)
        .send({ version: 2 })
        .expect(200);
      expect(again.body).toMatchObject({ version: 5, value: { n: 2 }, is_deleted: false });
      expectProblem(await api.post(`${at(namespace, 'k')}/restore`).send({ version: 9 }), 404);
      expectProblem(await api.post(`${at(namespace, 'never')}/restore`), 404);
    });

    it('R-M5 holds If-Match against deletions and restorations', async () => {
      const namespace = fresh();
      await put(namespace, 'k', { value: { n: 1 } });
      expectProblem(await api.delete(at(namespace, 'k')).set('If-Match', '"2"'), 412);
      expectProblem(
        await api
          .post(`${at(namespace, 'k')}/restore`)
          .set('If-Match', '"2"')
          .send({ version: 1 }),
        412,
      );
      await api.delete(at(namespace, 'k')).set('If-Match', '"1"').expect(204);
    });
  });

  describe('GET /v1/memories', () => {
    it('R-M6 matches whole segments of a namespace, whatever they hold', async () => {
      const root = fresh();
      const spaces = ['al', 'alice', 'al:x', 'alice:x', 'al%', 'a_', 'ab', '*', 'AL', '🎉', '🎉x', 'al;', 'al.'];
      for (const space of spaces) await put(`${root}:${space}`, space).expect(201);
      const below = async (space: string): Promise<string[]> =>
        (await keys({ namespace_prefix: `${root}:${space}` })).toSorted();
      expect(await below('al')).toEqual(['al', 'al:x']);
      expect(await below('alice')).toEqual(['alice', 'alice:x']);
      expect(await below('alice:x')).toEqual(['alice:x']);
      expect(await below('al%')).toEqual(['al%']);
      expect(await below('a_')).toEqual(['a_']);
      expect(await below('*')).toEqual(['*']);
      expect(await below('AL')).toEqual(['AL']);
      expect(await below('🎉')).toEqual(['🎉']);
      expect(await keys({ namespace_prefix: root })).toHaveLength(spaces.length);
      expect(await below('ali')).toEqual([]);
    });

    it('R-M6 filters by type, key prefix, creator and time, newest first', async () => {
      const namespace = fresh();
      const times: string[] = [];
      for (const [key, memory_type, updated_by] of [
        ['a1', 'semantic', 'agent:x'],
        ['a2', 'procedural', 'agent:y'],
        ['b_1', 'semantic', 'agent:y'],
        ['b%1', 'episodic', 'agent:x'],
      ]) {
        const { body } = await put(namespace, key!, { value: {}, memory_type, updated_by }).expect(201);
        times.push(body.updated_at as string);
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
      const found = (query: object): Promise<string[]> => keys({ namespace_prefix: namespace, ...query });
      expect(await found({})).toEqual(['b%1', 'b_1', 'a2', 'a1']);
      expect(await found({ memory_type: 'semantic' })).toEqual(['b_1', 'a1']);
      expect(await found({ key_prefix: 'a' })).toEqual(['a2', 'a1']);
      expect(await found({ key_prefix: 'b%' })).toEqual(['b%1']);
      expect(await found({ key_prefix: 'b_' })).toEqual(['b_1']);
      expect(await found({ key_prefix: 'A' })).toEqual([]);
      expect(await found({ created_by: 'agent:y' })).toEqual(['b_1', 'a2']);
      expect(await found({ updated_after: times[2] })).toEqual(['b%1', 'b_1']);
      expect(await found({ updated_before: times[1] })).toEqual(['a2', 'a1']);
      expect(await found({ updated_after: times[1], updated_before: times[2] })).toEqual(['b_1', 'a2']);
      expect(await found({ memory_type: 'semantic', created_by: 'agent:y' })).toEqual(['b_1']);
    });

    it('R-M6 moves what is written again to the front', async () => {
      const namespace = fresh();
      for (const key of ['a', 'b', 'c']) await put(namespace, key);
      await new Promise((resolve) => setTimeout(resolve, 3));
      await put(namespace, 'a', { value: { n: 2 } });
      expect(await keys({ namespace_prefix: namespace })).toEqual(['a', 'c', 'b']);
    });

    it('R-M6 pages by a cursor that stays good while memories are added, and refuses any other', async () => {
      const namespace = fresh();
      for (let n = 0; n < 7; n++) await put(namespace, `k${n}`);
      const seen: string[] = [];
      let cursor: string | null | undefined;
      const cursors: string[] = [];
      do {
        const { body } = await api
          .get('/v1/memories')
          .query({ namespace_prefix: namespace, limit: 3, cursor })
          .expect(200);
        seen.push(...(body.items as { key: string }[]).map(({ key }) => key));
        cursor = body.next_cursor as string | null;
        if (cursor !== null) cursors.push(cursor);
        await put(namespace, `later${seen.length}`);
      } while (cursor !== null);
      expect(seen).toEqual(['k6', 'k5', 'k4', 'k3', 'k2', 'k1', 'k0']);
      for (const query of [
        { namespace_prefix: namespace, cursor: 'AAAA' },
        { namespace_prefix: namespace, cursor: cursors[0]!.slice(1) },
        { namespace_prefix: namespace, memory_type: 'semantic', cursor: cursors[0] },
        { cursor: cursors[0] },
      ]) {
        expectProblem(await api.get('/v1/memories').query(query), 400, { field: 'cursor' });
      }
    });

    it('R-M6 gives 50 where nobody says how many, and at most 1000', async () => {
      const namespace = fresh();
      const operations = Array.from({ length: 60 }, (_, n) => ({ op: 'put', namespace, key: `k${n}`, value: {} }));
      await api.post('/v1/memories/batch').send({ operations }).expect(200);
      const { body } = await api.get('/v1/memories').query({ namespace_prefix: namespace }).expect(200);
      expect(body.items).toHaveLength(50);
      expect(body.next_cursor).toEqual(expect.any(String));
      expect(await keys({ namespace_prefix: namespace, limit: 1000 })).toHaveLength(60);
      for (const limit of ['0', '-1', '1001', '1.5', 'ten', '', '1e2', '0x10', ' 5']) {
        expectProblem(await api.get('/v1/memories').query({ limit }), 400, { field: 'limit' });
      }
    });
  });

  describe('Filters', () => {
    const namespace = fresh();
    beforeAll(async () => {
      const rows: Record<string, object> = {
        red: { value: { n: 1, deep: { x: 'a' } }, metadata: { colour: 'red', rank: 1, tags: ['a', 'b'], ok: true } },
        blue: { value: { n: 2, deep: { x: 'b' } }, metadata: { colour: 'blue', rank: 2.5, tags: [], ok: false } },
        none: { value: { n: null }, metadata: { colour: null, rank: 'three' } },
        bare: { value: { n: '2' }, metadata: {} },
      };
      for (const [key, body] of Object.entries(rows)) await put(namespace, key, body).expect(201);
    });
    const filtered = async (filter: unknown): Promise<string[]> =>
      (await keys({ namespace_prefix: namespace, filter: JSON.stringify(filter) })).toSorted();

    it.each<[string, unknown, string[]]>([
      ['a plain value', { 'metadata.colour': 'red' }, ['red']],
      ['eq', { 'metadata.colour': { eq: 'red' } }, ['red']],
      ['$eq', { 'metadata.colour': { $eq: 'red' } }, ['red']],
      ['eq null', { 'metadata.colour': null }, ['none']],
      ['eq true', { 'metadata.ok': true }, ['red']],
      ['eq by type', { 'value.n': { eq: 2 } }, ['blue']],
      ['eq of text', { 'value.n': '2' }, ['bare']],
      ['eq of an object', { 'value.deep': { eq: { x: 'a' } } }, ['red']],
      ['eq of a list', { 'metadata.tags': ['a', 'b'] }, ['red']],
      ['ne, missing ones too', { 'metadata.colour': { ne: 'red' } }, ['bare', 'blue', 'none']],
      ['gt', { 'metadata.rank': { gt: 1 } }, ['blue']],
      ['gte', { 'metadata.rank': { $gte: 1 } }, ['blue', 'red']],
      ['lt, never null', { 'value.n': { lt: 100 } }, ['blue', 'red']],
      ['lte of text', { 'metadata.rank': { lte: 'three' } }, ['none']],
      ['a range', { 'metadata.rank': { gt: 1, lt: 3 } }, ['blue']],
      ['in', { 'metadata.colour': { in: ['red', null] } }, ['none', 'red']],
      ['in nothing', { 'metadata.colour': { in: [] } }, []],
      ['nin, missing ones too', { 'metadata.colour': { nin: ['red', 'blue'] } }, ['bare', 'none']],
      ['exists', { 'metadata.colour': { exists: true } }, ['blue', 'none', 'red']],
      ['exists not', { 'metadata.colour': { $exists: false } }, ['bare']],
      ['contains in a text', { 'metadata.colour': { contains: 'lu' } }, ['blue']],
      ['contains in a list', { 'metadata.tags': { contains: 'b' } }, ['red']],
      ['a path', { 'value.deep.x': 'b' }, ['blue']],
      ['AND', { AND: [{ 'metadata.ok': true }, { 'value.n': 1 }] }, ['red']],
      ['$and', { $and: [{ 'metadata.ok': true }, { 'value.n': 2 }] }, []],
      ['OR', { OR: [{ 'value.n': 1 }, { 'value.n': 2 }] }, ['blue', 'red']],
      ['NOT', { NOT: { 'metadata.colour': 'red' } }, ['bare', 'blue', 'none']],
      ['neighbours', { 'metadata.ok': false, 'value.n': 2 }, ['blue']],
      ['a field of the memory', { key: { in: ['red', 'bare'] }, version: { gte: 1 } }, ['bare', 'red']],
    ])('R-M7 understand %s', async (_, filter, expected) => {
      expect(await filtered(filter)).toEqual(expected);
    });

    it.each<[string, unknown, string]>([
      ['an unknown operator', { 'metadata.a': { near: 1 } }, 'filter.metadata.a.near'],
      ['an unknown operator with a sign', { 'metadata.a': { $regex: 'x' } }, 'filter.metadata.a.$regex'],
      ['an unknown operator beside a known one', { 'metadata.a': { eq: 1, like: 2 } }, 'filter.metadata.a.like'],
      ['no operator', { 'metadata.a': {} }, 'filter.metadata.a'],
      ['a field that cannot be asked for', { is_deleted: true }, 'filter.is_deleted'],
      ['a field without a path', { metadata: { eq: 1 } }, 'filter.metadata'],
      ['in without a list', { 'metadata.a': { in: 1 } }, 'filter.metadata.a.in'],
      ['exists without a truth value', { 'metadata.a': { exists: 1 } }, 'filter.metadata.a.exists'],
      ['a range of a list', { 'metadata.a': { gt: [] } }, 'filter.metadata.a.gt'],
      ['OR without a list', { OR: {} }, 'filter.OR'],
      ['a list', [], 'filter'],
      ['a text', 'colour', 'filter'],
    ])('R-M7 refuse %s by name', async (_, filter, field) => {
      const answer = await api.get('/v1/memories').query({ filter: JSON.stringify(filter) });
      expectProblem(answer, 400, { field });
    });

    it('R-M7 refuse what is not JSON, and text that would be SQL', async () => {
      expectProblem(await api.get('/v1/memories').query({ filter: '{' }), 400, { field: 'filter' });
      expectProblem(await api.get('/v1/memories').query({ filter: '' }), 400, { field: 'filter' });
      expect(await filtered({ 'metadata.colour': "red' OR 1=1 --" })).toEqual([]);
      const name = `metadata.x') OR 1=1 --`;
      expect(await filtered({ [name]: 1 })).toEqual([]);
    });
  });

  describe('POST /v1/memories/batch', () => {
    const batch = (...operations: object[]) => api.post('/v1/memories/batch').send({ operations });

    it('R-M14 does everything in order, and reads what it wrote', async () => {
      const namespace = fresh();
      const { body, headers } = await batch(
        { op: 'get', namespace, key: 'a' },
        { op: 'add', namespace, key: 'a', value: { n: 1 } },
        { op: 'get', namespace, key: 'a' },
        { op: 'put', namespace, key: 'a', value: { n: 2 } },
        { op: 'put', namespace, key: 'a', value: { n: 3 } },
        { op: 'get', namespace, key: 'a' },
        { op: 'get', namespace, key: 'a', version: 1 },
        { op: 'list_namespaces', prefix: namespace },
        { op: 'delete', namespace, key: 'a' },
        { op: 'get', namespace, key: 'a' },
        { op: 'list_namespaces', prefix: namespace },
      ).expect(200);
      const results = body.results as Record<string, unknown>[];
      expect(results).toHaveLength(11);
      expect(results[0]).toBeNull();
      expect(results[1]).toMatchObject({ version: 1, value: { n: 1 } });
      expect(results[2]).toEqual(results[1]);
      expect(results[3]).toMatchObject({ version: 2 });
      expect(results[4]).toMatchObject({ version: 3 });
      expect(results[5]).toEqual(results[4]);
      expect(results[6]).toMatchObject({ version: 1, value: { n: 1 } });
      expect(results[7]).toMatchObject({ items: [{ namespace, count: 1 }] });
      expect(results[8]).toBeNull();
      expect(results[9]).toBeNull();
      expect(results[10]).toMatchObject({ items: [] });
      expect(Number(headers['x-position'])).toBe(await head());
    });

    it.each<[string, (namespace: string) => object, number, string]>([
      [
        'an address that is taken',
        (namespace) => ({ op: 'add', namespace, key: 'a', value: {} }),
        409,
        'operations[1]',
      ],
      [
        'a stale version',
        (namespace) => ({ op: 'put', namespace, key: 'a', value: {}, if_match: 7 }),
        412,
        'operations[1]',
      ],
      ['nothing to delete', (namespace) => ({ op: 'delete', namespace, key: 'never' }), 404, 'operations[1]'],
      [
        'an unknown session',
        (namespace) => ({ op: 'put', namespace, key: 'b', value: {}, session_id: 'nobody' }),
        409,
        'operations[1]',
      ],
      [
        'a bad namespace',
        () => ({ op: 'put', namespace: 'user', key: 'b', value: {} }),
        400,
        'operations[1].namespace',
      ],
      ['an unknown operation', () => ({ op: 'explode' }), 400, 'operations[1].op'],
      ['no operation', () => ({}), 400, 'operations[1].op'],
      ['an unknown field', (namespace) => ({ op: 'get', namespace, key: 'a', x: 1 }), 400, 'operations[1].x'],
      ['a missing field', (namespace) => ({ op: 'put', namespace, key: 'a' }), 400, 'operations[1].value'],
      ['no object', () => 7 as never, 400, 'operations[1]'],
    ])('R-M14 does nothing at all when one operation meets %s, and names it', async (_, bad, status, field) => {
      const namespace = fresh();
      const before = await head();
      const first = { op: 'put', namespace, key: 'a', value: {} };
      expectProblem(await batch(first, bad(namespace), { ...first, key: 'c' }), status, { field });
      expect(await head()).toBe(before);
      await api.get(at(namespace, 'a')).expect(404);
    });

    it('R-M14 refuses none or more than 1000 operations', async () => {
      const namespace = fresh();
      const operations = Array.from({ length: 1001 }, () => ({ op: 'get', namespace, key: 'a' }));
      expectProblem(await batch(...operations), 400, { field: 'operations' });
      expectProblem(await batch(), 400, { field: 'operations' });
      await batch(...operations.slice(1)).expect(200);
    });

    it('R-M14 takes If-Match in its operations, not for the whole', async () => {
      const namespace = fresh();
      const answer = await batch({ op: 'put', namespace, key: 'a', value: {} }).set('If-Match', '"1"');
      expectProblem(answer, 400, { field: 'If-Match' });
    });

    it('R-M14 is answered as the first time under the same key', async () => {
      const namespace = fresh();
      const send = () =>
        batch(
          { op: 'put', namespace, key: 'a', value: { n: 1 } },
          { op: 'get', namespace, key: 'a' },
          { op: 'delete', namespace, key: 'a' },
        ).set('Idempotency-Key', namespace);
      const first = await send().expect(200);
      expect((await send().expect(200)).body).toEqual(first.body);
      expect((await api.get(`${at(namespace, 'a')}/history`)).body.items).toHaveLength(1);
    });
  });

  describe('POST /v1/memories/publish', () => {
    it('R-M9 copies from a session to what is shared, keeps the source, and says where it came from', async () => {
      const id = randomUUID();
      const [from_namespace, to_namespace] = [`session:${id}`, `project:${id}`];
      await put(from_namespace, 'k', { value: { n: 1 }, metadata: { m: 1 }, memory_type: 'procedural' });
      await put(from_namespace, 'k', { value: { n: 2 } });
      const publish = () => api.post('/v1/memories/publish').send({ from_namespace, to_namespace, key: 'k' });
      const { body, headers } = await publish().expect(201).expect('ETag', '"1"');
      expect(body).toMatchObject({
        namespace: to_namespace,
        key: 'k',
        value: { n: 2 },
        metadata: { m: 1 },
        memory_type: 'procedural',
        published_from: { namespace: from_namespace, key: 'k', version: 2 },
      });
      await api.get(at(from_namespace, 'k')).expect(200);
      const { body: entry } = await api.get(`/v1/audit/events/${headers['x-position']}`);
      expect(entry).toMatchObject({ memory_operation: 'publish', memory_namespace: to_namespace });
      await publish().expect(201).expect('ETag', '"1"');
      await put(from_namespace, 'k', { value: { n: 3 } });
      await publish().expect(201).expect('ETag', '"2"');
    });

    it('R-M9 refuses what is not there and what is not shared', async () => {
      const id = randomUUID();
      const publish = (body: object) => api.post('/v1/memories/publish').send({ key: 'k', ...body });
      expectProblem(await publish({ from_namespace: `session:${id}`, to_namespace: 'project:p' }), 404);
      await put(`session:${id}`, 'k');
      expectProblem(await publish({ from_namespace: `session:${id}`, to_namespace: 'session:other' }), 400, {
        field: 'to_namespace',
      });
      expectProblem(await publish({ from_namespace: `session:${id}`, to_namespace: 'temp:x' }), 400, {
        field: 'to_namespace',
      });
      expectProblem(await publish({ from_namespace: 'nowhere:x', to_namespace: 'project:p' }), 400, {
        field: 'from_namespace',
      });
    });

    it('R-M9 gives the first answer again, also when the source is gone', async () => {
      const id = randomUUID();
      const [from_namespace, to_namespace] = [`session:${id}`, `project:${id}`];
      await put(from_namespace, 'k', { value: { n: 1 } });
      const publish = () =>
        api.post('/v1/memories/publish').set('Idempotency-Key', id).send({ from_namespace, to_namespace, key: 'k' });
      const first = await publish().expect(201);
      await api.delete(at(from_namespace, 'k')).expect(204);
      expect((await publish().expect(201)).body).toEqual(first.body);
    });
  });

  describe('Import and export', () => {
    const lines = (text: string): Record<string, unknown>[] =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const importText = (text: string | Buffer, type = 'application/x-ndjson') =>
      api
        .post('/v1/memories/import')
        .set('Content-Type', type)
        .serialize((body: unknown) => body as string)
        .send(text as string);
    const exported = async (query: object): Promise<string> => {
      const { text, body, headers } = await api
        .get('/v1/memories/export')
        .query(query)
        .buffer(true)
        .parse((response, done) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => done(null, Buffer.concat(chunks).toString()));
        })
        .expect(200);
      expect(headers['content-type']).toMatch(/^application\/x-ndjson/);
      return text ?? (body as string);
    };

    it('R-M14 gives back what was exported, and writes nothing twice', async () => {
      const namespace = fresh();
      const rows = Array.from({ length: 1234 }, (_, n) => ({
        namespace: `${namespace}:${n % 3}`,
        key: `k${n}`,
        value: { n, text: 'é🎉\n"' },
        memory_type: n % 2 === 0 ? 'episodic' : 'semantic',
        metadata: { n },
        created_by: `agent:a${n % 5}`,
      }));
      const text = rows.map((row) => JSON.stringify(row)).join('\n');
      const { body, headers } = await importText(text).expect(200);
      expect(body).toEqual({ imported: 1234, written: 1234, unchanged: 0 });
      expect(Number(headers['x-position'])).toBe(await head());
      const out = await exported({ namespace_prefix: namespace });
      expect(lines(out)).toHaveLength(1234);
      expect(lines(out).map(({ expires_at: _, ...row }) => row)).toEqual(rows);
      const again = await importText(out).expect(200);
      expect(again.body).toEqual({ imported: 1234, written: 0, unchanged: 1234 });
      const only = await exported({ namespace_prefix: `${namespace}:1`, memory_type: 'semantic' });
      expect(
        lines(only).every((row) => row['namespace'] === `${namespace}:1` && row['memory_type'] === 'semantic'),
      ).toBe(true);
      expect(lines(only).length).toBeGreaterThan(0);
    });

    it('R-M14 reads lines as they come, whatever pieces they come in', async () => {
      const namespace = fresh();
      const text = Buffer.from(
        [1, 2, 3].map((n) => JSON.stringify({ namespace, key: `ü${n}`, value: { n: '🎉' } })).join('\r\n\n'),
      );
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          // The pieces cut characters in two.
          for (let from = 0; from < text.length; from += 7) {
            controller.enqueue(text.subarray(from, from + 7));
            await new Promise((resolve) => setImmediate(resolve));
          }
          controller.close();
        },
      });
      const answer = await fetch(`${server.url}/v1/memories/import`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body,
        duplex: 'half',
      } as RequestInit);
      expect(await answer.json()).toEqual({ imported: 3, written: 3, unchanged: 0 });
      expect((await keys({ namespace_prefix: namespace })).toSorted()).toEqual(['ü1', 'ü2', 'ü3']);
    });

    it.each<[string, string | Buffer, string]>([
      ['that is not JSON', '{"namespace":', 'line 3'],
      ['that is no object', '[]', 'line 3'],
      ['without a value', '{"namespace":"user:x","key":"k"}', 'line 3.value'],
      ['with a field too many', '{"namespace":"user:x","key":"k","value":{},"nope":1}', 'line 3.nope'],
      ['with a bad namespace', '{"namespace":"user::x","key":"k","value":{}}', 'line 3.namespace'],
      ['with a bad type', '{"namespace":"user:x","key":"k","value":{},"memory_type":"vague"}', 'line 3.memory_type'],
      ['with a bad end', '{"namespace":"user:x","key":"k","value":{},"expires_at":"soon"}', 'line 3.expires_at'],
      ['that poisons', '{"namespace":"user:x","key":"k","value":{"__proto__":1}}', 'line 3.value.__proto__'],
      ['that is not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'line 3'],
    ])('R-M14 names the line %s', async (_, bad, field) => {
      const namespace = fresh();
      const good = (key: string): string => `${JSON.stringify({ namespace, key, value: {} })}\n`;
      const text = Buffer.concat([Buffer.from(`${good('a')}\n`), Buffer.from(bad), Buffer.from(`\n${good('b')}`)]);
      const answer = await importText(text);
      expectProblem(answer, 400, { field });
      expect(answer.body.hint).toContain('1 lines before it');
      expect(await keys({ namespace_prefix: namespace })).toEqual(['a']);
    });

    it('R-M14 refuses a line above 1 MiB and a whole above 16 MiB, and another content type', async () => {
      const long = await importText(`{"namespace":"user:x","key":"k","value":{"t":"${'x'.repeat(1_100_000)}"}}`);
      expect([400, 413]).toContain(long.status);
      expect(JSON.stringify(long.body)).toContain('line 1');
      const line = `${JSON.stringify({ namespace: 'user:big', key: 'k', value: { t: 'x'.repeat(500_000) } })}\n`;
      expectProblem(await importText(line.repeat(35)), 413, { code: 'body-too-large' });
      expectProblem(await importText('{}', 'application/json'), 400, { field: 'body' });
      expectProblem(await importText('a,b', 'text/csv'), 415);
    });

    it('R-M14 is answered as the first time under the same key, page by page', async () => {
      const namespace = fresh();
      const text = Array.from({ length: 1100 }, (_, n) => JSON.stringify({ namespace, key: `k${n}`, value: { n } }));
      const send = (body: string[]) => importText(body.join('\n')).set('Idempotency-Key', namespace);
      const first = await send(text).expect(200);
      expect(first.body).toEqual({ imported: 1100, written: 1100, unchanged: 0 });
      const again = await send(text).expect(200);
      expect(again.body).toEqual(first.body);
      expect(again.headers['x-position']).toBe(first.headers['x-position']);
      expectProblem(await send(text.toReversed()), 422, { code: 'idempotency-key-reused' });
    });
  });

  describe('Idempotency-Key', () => {
    it('R-M5 gives the first answers again with their status, whatever has happened since', async () => {
      const namespace = fresh();
      const key = (name: string): [string, string] => ['Idempotency-Key', `${namespace}/${name}`];
      const calls = [
        () =>
          api
            .post('/v1/memories')
            .set(...key('add'))
            .send({ namespace, key: 'k', value: { n: 1 } }),
        () => put(namespace, 'k', { value: { n: 2 } }).set(...key('put')),
        () => put(namespace, 'k', { value: { n: 2 } }).set(...key('same')),
        () => put(namespace, 'new', { value: { n: 1 } }).set(...key('new')),
        () =>
          api
            .post(`${at(namespace, 'k')}/restore`)
            .set(...key('back'))
            .send({ version: 1 }),
        () => api.delete(at(namespace, 'k')).set(...key('delete')),
        () => api.post(`${at(namespace, 'k')}/restore`).set(...key('restore')),
      ];
      const first = [];
      for (const call of calls) first.push(await call());
      expect(first.map(({ status }) => status)).toEqual([201, 200, 200, 201, 200, 204, 200]);
      const before = await head();
      for (const [index, call] of calls.entries()) {
        const again = await call();
        expect([index, again.status, again.body, again.headers['etag'], again.headers['x-position']]).toEqual([
          index,
          first[index]!.status,
          first[index]!.body,
          first[index]!.headers['etag'],
          first[index]!.headers['x-position'],
        ]);
      }
      expect(await head()).toBe(before);
    });

    it('R-M5 refuses the key for another body', async () => {
      const namespace = fresh();
      await put(namespace, 'k', { value: { n: 1 } })
        .set('Idempotency-Key', namespace)
        .expect(201);
      const other = await put(namespace, 'k', { value: { n: 2 } }).set('Idempotency-Key', namespace);
      expectProblem(other, 422, { code: 'idempotency-key-reused' });
    });

    it('R-M5 makes one of twenty concurrent duplicates', async () => {
      const namespace = fresh();
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => put(namespace, 'k', { value: {} }).set('Idempotency-Key', namespace)),
      );
      expect(answers.map(({ status }) => status)).toEqual(Array<number>(20).fill(201));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    });
  });

  it('R-C6 is read at once by another connection than wrote it', async () => {
    const namespace = fresh();
    for (let n = 1; n <= 10; n++) {
      await put(namespace, 'k', { value: { n } });
      for (const path of [at(namespace, 'k'), `/v1/memories?namespace_prefix=${enc(namespace)}`]) {
        const answer = await fetch(`${server.url}${path}`, { headers: { connection: 'close' } });
        const body = (await answer.json()) as { version?: number; items?: { version: number }[] };
        expect(body.version ?? body.items![0]!.version).toBe(n);
      }
    }
  });
});
