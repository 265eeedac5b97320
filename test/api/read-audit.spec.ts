import { hash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RecordedRead } from '#access';
import { Database, sql } from '#storage';
import { READS } from '../../apps/api/http/read-audit.js';
import { startKeyedServer, type KeyedServer } from '../support/keyed-server.js';
import { client, startServer, temporaryDirectory, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

/** A read as a client knows it, and as the log should tell it. */
interface Expected {
  actor: string;
  namespace: string | null;
  session_id: string | null;
  operation: string;
  outcome: string;
  results: number;
  key?: string;
}
interface Issued {
  method: string;
  path: string;
  body?: object;
  key?: string;
  expected: Expected[];
}

/** Everything that the log of a file says of reads. */
function recorded(path: string): (Expected & { request_id: string })[] {
  const db = Database.open({ path, readonly: true });
  try {
    return db
      .all<{ actor: string; namespace: string | null; session_id: string | null; data: string }>(
        sql`SELECT actor, memory_namespace AS namespace, session_id, data FROM audit WHERE type = 'MemoriesRead'`,
      )
      .flatMap(({ data, ...entry }) =>
        (JSON.parse(data) as { reads: RecordedRead[] }).reads.map(
          ({ request_id, operation, outcome, results, key }) => ({
            request_id,
            ...entry,
            operation,
            outcome,
            results,
            ...(key !== undefined && { key }),
          }),
        ),
      );
  } finally {
    db.close();
  }
}

/** As many at once as a server always lets in, however slow the machine is. */
const AT_ONCE = 50;

/** Sends all of them, several times over, many at once; returns what the log is to say. */
async function issue(
  server: TestServer,
  reads: Issued[],
  times: number,
): Promise<(Expected & { request_id: string })[]> {
  const waiting = Array.from({ length: times }, (_, round) =>
    reads.map((read, index) => ({ ...read, request_id: `read-${round}-${index}` })),
  ).flat();
  const said: (Expected & { request_id: string })[] = [];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { method, path, body, key, expected, request_id } = next;
      const answer = await fetch(`${server.url}${path}`, {
        method,
        headers: {
          'x-request-id': request_id,
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      await answer.text();
      said.push(...expected.map((one) => ({ request_id, ...one })));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return said;
}

const sorted = (reads: object[]): string[] =>
  reads.map((read) => JSON.stringify(Object.entries(read).toSorted())).toSorted();

/** The database as it lies on disk. */
const bytesOf = (path: string): string =>
  [path, `${path}-wal`].map((file) => (existsSync(file) ? readFileSync(file, 'latin1') : '')).join('');

/** Two memories of alice, one of bob, a session of alice. */
async function furnish(server: TestServer, key?: string): Promise<void> {
  const send = async (method: string, path: string, body: object): Promise<void> => {
    const answer = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(201);
  };
  await send('PUT', '/v1/memories/user:alice/tea', { value: { text: 'Tea at four' } });
  await send('PUT', '/v1/memories/user:alice/milk', { value: { text: 'Tea with milk' } });
  await send('PUT', '/v1/memories/user:bob/tea', { value: { text: 'Tea never' } });
  await send('POST', '/v1/sessions', { session_id: 's1', app_name: 'cafe', user_id: 'alice' });
}

/** Reads of every kind, by one who may see alice's and, where `sees` says so, bob's. */
function readsOf(actor: string, key: string | undefined, sees: 'all' | 'alice'): Issued[] {
  const bobs = sees === 'all' ? 1 : 0;
  const of = (operation: string, results: number, more: Partial<Expected> = {}): Expected => ({
    actor,
    namespace: null,
    session_id: null,
    operation,
    outcome: 'answered',
    results,
    ...more,
  });
  const tea = { namespace: 'user:alice', key: 'tea' };
  const path = '/v1/memories/user:alice/tea';
  const read = (at: string, ...expected: Expected[]): Issued => ({ method: 'GET', path: at, key, expected });
  const post = (at: string, body: object, ...expected: Expected[]): Issued => ({
    method: 'POST',
    path: at,
    body,
    key,
    expected,
  });
  const foreign = { namespace: 'user:bob', key: 'tea' };
  return [
    read(path, of('get', 1, tea)),
    read(`${path}/history`, of('history', 1, tea)),
    read(`${path}/diff?from=1&to=1`, of('diff', 0, tea)),
    read('/v1/memories?namespace_prefix=user:alice', of('list', 2, { namespace: 'user:alice' })),
    read('/v1/memories?namespace_prefix=user', of('list', 2 + bobs, { namespace: 'user' })),
    read('/v1/memories/export?namespace_prefix=user', of('export', 2 + bobs, { namespace: 'user' })),
    read('/v1/memories/user:alice/none', of('get', 0, { ...tea, key: 'none', outcome: 'not-found' })),
    read('/v1/memories/user:bob/tea', of('get', bobs, { ...foreign, outcome: sees === 'all' ? 'answered' : 'denied' })),
    post('/v1/memories/search', { query: 'tea', mode: 'keyword' }, of('search', 2 + bobs)),
    post(
      '/v1/memories/batch',
      {
        operations: [
          { op: 'get', ...tea },
          { op: 'get', ...foreign },
          { op: 'search', query: 'milk', mode: 'keyword', namespace_prefix: 'user:alice' },
          { op: 'list_namespaces' },
        ],
      },
      of('get', 1, tea),
      of('get', bobs, foreign),
      of('search', 1, { namespace: 'user:alice' }),
    ),
    post('/v1/documents/search', { query: 'tea', mode: 'keyword' }, of('search-documents', 0)),
  ];
}

describe('R-A7 Reads of memories', () => {
  it('are each recorded once, with who, what and how much, while many read at once', async () => {
    const directory = temporaryDirectory();
    const server = await startServer({ ABATHUR_AUDIT_READS: 'on' }, directory);
    await furnish(server);
    const expected = await issue(server, readsOf('anonymous', undefined, 'all'), 20);
    expect(await server.stop()).toBe(0);
    expect(sorted(recorded(server.path))).toEqual(sorted(expected));
  });

  it('are recorded under the key that was shown, and so is what it was denied', async () => {
    const server = await startKeyedServer({ ABATHUR_AUDIT_READS: 'on' });
    await furnish(server, server.operator);
    const alice = await server.key({ name: 'alice', role: 'agent', app: 'cafe', users: ['alice'] });
    const actor = (key: string): string => `key:${key.split('_')[2]}`;
    const denied: Issued = {
      method: 'GET',
      path: '/v1/memories/user:bob/tea/why',
      key: alice,
      expected: [
        {
          actor: actor(alice),
          namespace: 'user:bob',
          session_id: null,
          operation: 'why',
          outcome: 'denied',
          results: 0,
          key: 'tea',
        },
      ],
    };
    const reads = [
      ...readsOf(actor(alice), alice, 'alice'),
      ...readsOf(actor(server.operator), server.operator, 'all'),
      denied,
    ];
    const expected = await issue(server, reads, 8);
    expect(await server.stop()).toBe(0);
    expect(sorted(recorded(server.path))).toEqual(sorted(expected));
  });

  it('are not recorded unless that is switched on', async () => {
    const server = await startServer();
    await furnish(server);
    await issue(server, readsOf('anonymous', undefined, 'all'), 2);
    expect(await server.stop()).toBe(0);
    expect(recorded(server.path)).toEqual([]);
  });

  it('are in one table, whatever route they come by', async () => {
    const server = await startServer();
    const { body } = await client(server).get('/openapi.json').expect(200);
    await server.stop();
    const reading = Object.entries(body.paths as Record<string, object>).flatMap(([path, item]) =>
      Object.keys(item)
        .map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`)
        .filter((route) => /^GET \/v1\/(memories|context)|^POST \S+\/(search|batch)$|^POST \/v1\/context$/.test(route)),
    );
    const others = ['POST /v1/sessions/:id/events/batch'];
    expect(reading.filter((route) => !others.includes(route)).toSorted()).toEqual(Object.keys(READS).toSorted());
  });
});

describe('R-A7 The log of reads', () => {
  let server: KeyedServer;
  let api: (method: string, path: string, body?: object) => Promise<{ status: number; body: never }>;
  beforeAll(async () => {
    server = await startKeyedServer({ ABATHUR_AUDIT_READS: 'on' });
    await furnish(server, server.operator);
    api = async (method, path, body) => {
      const answer = await fetch(`${server.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${server.operator}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return { status: answer.status, body: (text === '' ? null : JSON.parse(text)) as never };
    };
  });
  afterAll(() => server.stop());

  type Item = { data: { reads: RecordedRead[] } | null; session_id: string | null; memory_namespace: string | null };
  const events = async (filter: string): Promise<Item[]> => {
    const { body } = await api('GET', `/v1/audit/events?type=MemoriesRead&${filter}`);
    return (body as { items: Item[] }).items;
  };

  it('is part of the chain, is found by filter, and is not about itself', async () => {
    await api('POST', '/v1/memories/search', { query: 'a secret wish', filter: { 'metadata.mood': 'sad' } });
    await api('GET', '/v1/memories/user:alice/tea?version=1');
    const found = await until('the read is in the log', async () => (await events('namespace_prefix=user:alice'))[0]);
    expect(found.data!.reads).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        request_id: expect.any(String),
        operation: 'get',
        outcome: 'answered',
        results: 1,
        key: 'tea',
        asked: { version: 1 },
      },
    ]);
    const all = (await events('limit=100')).flatMap(({ data }) => data!.reads);
    const search = all.find(({ operation }) => operation === 'search')!;
    expect(search.query_sha256).toBe(hash('sha256', 'a secret wish'));
    expect(search.filter_sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(all)).not.toMatch(/secret|wish|mood|sad/);
    expect(all).toHaveLength(2);
    expect((await api('POST', '/v1/audit/verify')).body).toMatchObject({ ok: true });
  });

  it('R-A1 says nothing any more of whoever was erased', async () => {
    const user = 'wilhelmina';
    await api('PUT', `/v1/memories/user:${user}/tea`, { value: { text: 'Tea' } });
    await api('POST', '/v1/sessions', { session_id: 's2', app_name: 'cafe', user_id: user });
    for (const path of [
      `/v1/memories/user:${user}/tea`,
      `/v1/memories?namespace_prefix=user:${user}`,
      '/v1/memories/user:bob/tea',
    ])
      await api('GET', path);
    expect((await api('POST', '/v1/context', { session_id: 's2' })).status).toBeLessThan(300);
    await until('the context is recorded', async () => (await events('session_id=s2'))[0]);
    expect(bytesOf(server.path).includes(user)).toBe(true);
    const { status, body } = await api('POST', '/v1/admin/erasures', { user_id: user, reason: 'asked for' });
    expect(status).toBe(202);
    const { operation } = body as { operation: { id: string } };
    await until('the erasure has ended', async () => {
      const answer = await api('GET', `/v1/operations/${operation.id}`);
      return (answer.body as { status: string }).status !== 'running';
    });
    expect((await api('GET', `/v1/operations/${operation.id}`)).body).toMatchObject({ status: 'succeeded' });
    const left = await events('limit=100');
    expect(left.filter(({ memory_namespace }) => memory_namespace === 'user:bob')).toHaveLength(1);
    expect(bytesOf(server.path).includes(user)).toBe(false);
    expect(left.filter(({ session_id }) => session_id !== null)).toEqual([]);
    expect((await api('POST', '/v1/audit/verify')).body).toMatchObject({ ok: true });
  });
});
