import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database, sql } from '#storage';
import { inspect } from '../support/inspect.js';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';
import { ended as operationEnded } from '../support/operations.js';

interface Memory {
  id: number;
  key: string;
  is_deleted: boolean;
  expires_at: string | null;
  version: number;
}

describe('Retention', () => {
  let server: TestServer;
  const api = () => client(server);
  beforeAll(async () => {
    server = await startServer({ ABATHUR_EPISODIC_TTL_DAYS: '45' });
  });
  afterAll(() => server.stop());

  const put = async (namespace: string, key: string, more: object = {}): Promise<Memory> => {
    const body = { value: { text: `harvest ${key}` }, memory_type: 'episodic', ...more };
    return (await api().put(`/v1/memories/${namespace}/${key}`).send(body).expect(201)).body as Memory;
  };
  const days = (from: string, to: string): number => Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000);
  const ended = async ({ id }: { id: string }) =>
    (await operationEnded(server, id)) as { status: string; result: { expired: number; ids: number[] } };
  const run = async (body?: object) => {
    const request = api().post('/v1/admin/jobs/expire-memories/run');
    return ended((await (body === undefined ? request : request.send(body)).expect(202)).body);
  };

  it('R-M10 gives episodic memories the life time that is set, and no other', async () => {
    const now = new Date().toISOString();
    const episode = await put('user:ttl', 'episode');
    expect(days(now, episode.expires_at!)).toBe(45);
    expect((await put('user:ttl', 'fact', { memory_type: 'semantic' })).expires_at).toBeNull();
    expect((await put('user:ttl', 'way', { memory_type: 'procedural' })).expires_at).toBeNull();
    expect(days(now, (await put('user:ttl', 'own', { ttl_seconds: 86_400 * 7 })).expires_at!)).toBe(7);
  });

  it('R-M10 treats a memory whose time is over as gone, at once and everywhere, and its past as it was', async () => {
    const namespace = 'user:gone';
    const brief = await put(namespace, 'brief', { ttl_seconds: 2 });
    const lasting = await put(namespace, 'lasting');
    const url = `/v1/memories/${namespace}/brief`;
    expect((await api().get(url)).body).toMatchObject({ key: 'brief', expires_at: brief.expires_at });
    await sleep(Math.max(0, Date.parse(brief.expires_at!) - Date.now()) + 5);
    expectProblem(await api().get(url), 404, { code: 'memory-not-found' });
    const lines = (await api().get(`/v1/memories/export?namespace_prefix=${namespace}`)).text.trim().split('\n');
    const keys = {
      list: (await api().get(`/v1/memories?namespace_prefix=${namespace}`)).body.items,
      search: (await api().post('/v1/memories/search').send({ query: 'harvest', namespace_prefix: namespace })).body
        .results,
      export: lines.map((line) => JSON.parse(line) as Memory),
      batch: (
        await api()
          .post('/v1/memories/batch')
          .send({ operations: ['brief', 'lasting'].map((key) => ({ op: 'get', namespace, key })) })
      ).body.results.filter((one: unknown) => one !== null),
    };
    for (const found of Object.values(keys)) expect(found.map(({ key }: Memory) => key)).toEqual(['lasting']);
    expect((await api().get(`/v1/namespaces?prefix=${namespace}`)).body.items).toEqual([{ namespace, count: 1 }]);
    const all = (await api().get(`/v1/memories?namespace_prefix=${namespace}&include_deleted=true`)).body.items;
    expect(all.map(({ key, is_deleted }: Memory) => [key, is_deleted])).toEqual([
      ['lasting', false],
      ['brief', true],
    ]);
    expect((await api().get(`${url}?as_of=${lasting.id}`)).body).toMatchObject({ key: 'brief', is_deleted: false });
    expect((await api().get(`${url}?version=1`)).body).toMatchObject({ is_deleted: true });
    expectProblem(await api().delete(url), 404);
    expect(await run({ dry_run: true })).toMatchObject({
      status: 'succeeded',
      result: { expired: 1, ids: [brief.id] },
    });
    const swept = await run();
    expect(swept).toMatchObject({ status: 'succeeded', result: { expired: 1, ids: [brief.id] } });
    expect(await run()).toMatchObject({ result: { expired: 0 } });
    expect((await api().get(`/v1/memories?namespace_prefix=${namespace}&include_deleted=true`)).body.items).toEqual(
      all,
    );
    expect((await api().get(`${url}?as_of=${lasting.id}`)).body).toMatchObject({ key: 'brief', is_deleted: false });
  });

  it('R-M10 R-A6 tells the log what faded, under the id of the operation that let it', async () => {
    const { id } = await put('user:audited', 'k', { ttl_seconds: 1 });
    await sleep(1005);
    const operation = (await api().post('/v1/admin/jobs/expire-memories/run').expect(202)).body as { id: string };
    await ended(operation);
    const { items } = (await api().get(`/v1/audit/events?correlation_id=${operation.id}`)).body;
    expect(items).toMatchObject([
      {
        type: 'MemoryExpired',
        actor: 'system',
        memory_operation: 'expire',
        memory_entry_id: id,
        memory_namespace: 'user:audited',
      },
    ]);
  });

  it('R-M10 restores what has faded with another life, and lets it be written anew', async () => {
    await put('user:back', 'restored', { ttl_seconds: 1 });
    await put('user:back', 'written', { ttl_seconds: 1 });
    await sleep(1005);
    await run();
    const restored = await api().post('/v1/memories/user:back/restored/restore').expect(200);
    expect(restored.body).toMatchObject({ version: 2, is_deleted: false, value: { text: 'harvest restored' } });
    expect(Date.parse(restored.body.expires_at)).toBeGreaterThan(Date.now() - 1000);
    const written = await api()
      .put('/v1/memories/user:back/written')
      .send({ value: { text: 'new' } });
    expect([written.status, written.body.version, written.body.expires_at]).toEqual([201, 2, null]);
    expect((await api().get('/v1/memories/user:back/written')).body.value).toEqual({ text: 'new' });
  });

  describe('POST /v1/memories/expire', () => {
    const expire = (body: object, headers: Record<string, string> = {}) =>
      api()
        .post('/v1/memories/expire')
        .set(headers)
        .send({ memory_type: 'episodic', older_than_days: 30, ...body });

    it('R-M10 lets memories of an age fade, tells which, and does it once', async () => {
      const [old, also] = [await put('user:aged', 'old'), await put('user:aged', 'also')];
      await put('user:aged', 'young');
      // Only the projection knows: nobody can write in the past through the front door.
      const db = Database.open({ path: server.path });
      db.run(
        sql`UPDATE memory_entries SET updated_at = '2020-01-01T00:00:00.000Z' WHERE id IN (${old.id}, ${also.id})`,
      );
      const ids = [old.id, also.id].toSorted((a, b) => a - b);
      expect((await expire({ dry_run: true })).body).toEqual({ ids, dry_run: true, more: false });
      const first = await expire({}, { 'idempotency-key': 'expire-1' });
      expect([first.status, first.body]).toEqual([200, { ids, dry_run: false, more: false }]);
      const { position } = (await api().get('/v1/audit/head')).body as { position: number };
      expect(first.headers).toMatchObject({ etag: '"2"', 'x-position': String(position) });
      expect((await expire({}, { 'idempotency-key': 'expire-1' })).body).toEqual(first.body);
      expect((await expire({})).body).toEqual({ ids: [], dry_run: false, more: false });
      expectProblem(await api().get('/v1/memories/user:aged/old'), 404);
      expect((await api().get('/v1/memories?namespace_prefix=user:aged')).body.items).toHaveLength(1);
      db.run(
        sql`UPDATE memory_entries SET updated_at = (SELECT timestamp FROM audit WHERE position = memory_entries.id)
            WHERE id IN (${old.id}, ${also.id})`,
      );
      db.close();
    });

    it.each(['semantic', 'procedural'])('R-M10 never lets %s memories fade', async (memory_type) => {
      const answer = await expire({ memory_type });
      expectProblem(answer, 400, { field: 'memory_type' });
      expect(answer.body.hint).toMatch(/DELETE/);
    });
  });

  it.each([0, -1, 10 ** 12, 1.5, '60'])('R-M10 refuses a life time of %s seconds', async (ttl_seconds) => {
    const answer = await api().put('/v1/memories/user:bad/k').send({ value: {}, memory_type: 'episodic', ttl_seconds });
    expectProblem(answer, 400, { field: 'ttl_seconds' });
    expectProblem(await api().get('/v1/memories/user:bad/k'), 404);
  });

  it('R-A4 leaves tables that a replay of the log makes again', () => {
    const { differences, chain, head } = inspect(server.path);
    expect([differences, chain]).toEqual([[], { checked: head }]);
  });
});
