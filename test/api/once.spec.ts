import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';

/** A request that writes: what has to be there before it, and another body for the same route. */
interface Write {
  path: string;
  body?: unknown;
  /** A body that the route takes as well; none for routes that take none. */
  other?: unknown;
  type?: string;
  before?: [method: string, path: string, body?: unknown][];
}

const event = (text: string): object => ({ event_type: 'message', actor: 'user', content: { text } });
const memory = (key: string): Write['before'] => [['PUT', `/v1/memories/user:once/${key}`, { value: { n: 1 } }]];
const session = (session_id: string): Write['before'] => [
  ['POST', '/v1/sessions', { session_id, app_name: 'a', user_id: 'u' }],
];
const task = (task_id: string): Write['before'] => [
  ['POST', '/v1/tasks', { task_id, prompt: 'p', agent_type: task_id }],
];
const procedure = (key: string): Write['before'] => [
  ['PUT', `/v1/memories/app:once/${key}`, { value: { steps: ['a'] }, memory_type: 'procedural' }],
];

/** Each writing operation of the document, once. One that is missing here, or is not in the document, fails below. */
const WRITES: Record<string, Write> = {
  'POST /v1/sessions': {
    path: '/v1/sessions',
    body: { app_name: 'a', user_id: 'u' },
    other: { app_name: 'b', user_id: 'u' },
  },
  'DELETE /v1/sessions/{id}': { path: '/v1/sessions/gone', before: session('gone') },
  'POST /v1/sessions/{id}/events': {
    path: '/v1/sessions/said/events',
    body: event('a'),
    other: event('b'),
    before: session('said'),
  },
  'POST /v1/sessions/{id}/events/batch': {
    path: '/v1/sessions/batch/events/batch',
    body: { events: [event('a'), event('b')] },
    other: { events: [event('c')] },
    before: session('batch'),
  },
  'PUT /v1/sessions/{id}/status': {
    path: '/v1/sessions/status/status',
    body: { status: 'active' },
    other: { status: 'terminated' },
    before: session('status'),
  },
  'PUT /v1/sessions/{id}/state/{key}': {
    path: '/v1/sessions/state/state/k',
    body: { value: 1 },
    other: { value: 2 },
    before: session('state'),
  },
  'POST /v1/sessions/{id}/fork': {
    path: '/v1/sessions/forked/fork',
    body: {},
    other: { at_version: 1 },
    before: session('forked'),
  },
  'POST /v1/memories/consolidate': {
    path: '/v1/memories/consolidate',
    body: { namespace_prefix: 'user:once', strategy: 'merge' },
    other: { namespace_prefix: 'user:other', strategy: 'merge' },
  },
  'POST /v1/memories/summarise': { path: '/v1/memories/summarise', body: { namespace_prefix: 'user:once' }, other: {} },
  'POST /v1/memories/archive': { path: '/v1/memories/archive', body: { namespace_prefix: 'user:once' }, other: {} },
  'POST /v1/memories/{namespace}/{key}/archive': {
    path: '/v1/memories/user:once/archived/archive',
    before: memory('archived'),
  },
  'POST /v1/memories': {
    path: '/v1/memories',
    body: { namespace: 'user:once', key: 'added', value: { n: 1 } },
    other: { namespace: 'user:once', key: 'added', value: { n: 2 } },
  },
  'POST /v1/memories/batch': {
    path: '/v1/memories/batch',
    body: { operations: [{ op: 'put', namespace: 'user:once', key: 'b', value: { n: 1 } }] },
    other: { operations: [{ op: 'put', namespace: 'user:once', key: 'b', value: { n: 2 } }] },
  },
  'POST /v1/memories/publish': {
    path: '/v1/memories/publish',
    body: { from_namespace: 'user:once', to_namespace: 'app:once', key: 'told' },
    other: { from_namespace: 'user:once', to_namespace: 'app:twice', key: 'told' },
    before: memory('told'),
  },
  'POST /v1/memories/import': {
    path: '/v1/memories/import',
    body: '{"namespace":"user:once","key":"i","value":{"n":1}}\n',
    other: '{"namespace":"user:once","key":"i","value":{"n":2}}\n',
    type: 'application/x-ndjson',
  },
  'PUT /v1/memories/{namespace}/{key}': {
    path: '/v1/memories/user:once/put',
    body: { value: { n: 1 } },
    other: { value: { n: 2 } },
  },
  'DELETE /v1/memories/{namespace}/{key}': { path: '/v1/memories/user:once/deleted', before: memory('deleted') },
  'POST /v1/memories/{namespace}/{key}/restore': {
    path: '/v1/memories/user:once/restored/restore',
    body: {},
    other: { version: 1 },
    before: [...memory('restored')!, ['DELETE', '/v1/memories/user:once/restored']],
  },
  'POST /v1/memories/{namespace}/{key}/refine': {
    path: '/v1/memories/app:once/refined/refine',
    body: { value: { steps: ['b'] }, episodes: [{ namespace: 'app:once', key: 'refined' }] },
    other: { value: { steps: ['c'] }, episodes: [{ namespace: 'app:once', key: 'refined' }] },
    before: procedure('refined'),
  },
  'POST /v1/memories/{namespace}/{key}/rollback': {
    path: '/v1/memories/app:once/rolled/rollback',
    body: {},
    // There is nothing to roll back to: what comes to nothing leaves its key unused.
    before: procedure('rolled'),
  },
  'POST /v1/context': {
    path: '/v1/context',
    body: { session_id: 'context' },
    other: { session_id: 'context', query: 'tea' },
    before: session('context'),
  },
  'PUT /v1/documents': {
    path: '/v1/documents',
    body: { file_path: 'a.md', content: 'a' },
    other: { file_path: 'a.md', content: 'b' },
  },
  'POST /v1/documents/sync': { path: '/v1/documents/sync' },
  'POST /v1/tasks': { path: '/v1/tasks', body: { prompt: 'p' }, other: { prompt: 'q' } },
  'POST /v1/tasks/claim': {
    path: '/v1/tasks/claim',
    body: { agent_type: 'claimed', agent_id: 'a' },
    other: { agent_type: 'claimed', agent_id: 'b' },
    before: task('claimed'),
  },
  'PUT /v1/tasks/{id}/status': {
    path: '/v1/tasks/run/status',
    body: { status: 'running' },
    other: { status: 'cancelled' },
    before: task('run'),
  },
  'PUT /v1/tasks/{id}/state/{key}': {
    path: '/v1/tasks/kept/state/k',
    body: { value: 1 },
    other: { value: 2 },
    before: task('kept'),
  },
  'PUT /v1/tasks/{id}/checkpoints/{iteration}': {
    path: '/v1/tasks/checked/checkpoints/1',
    body: { state: { n: 1 } },
    other: { state: { n: 2 } },
    before: task('checked'),
  },
  'POST /v1/agents': { path: '/v1/agents', body: { name: 'a' }, other: { name: 'b' } },
  'PUT /v1/agents/{id}/state': {
    path: '/v1/agents/busy/state',
    body: { state: 'working' },
    other: { state: 'terminated' },
    before: [['POST', '/v1/agents', { agent_id: 'busy', name: 'a' }]],
  },
  'POST /v1/admin/projections/{name}/rebuild': {
    path: '/v1/admin/projections/activity/rebuild',
    body: {},
    other: { dry_run: true },
  },
  'POST /v1/admin/projections/{name}/retry': { path: '/v1/admin/projections/activity/retry' },
  'POST /v1/search/retry': { path: '/v1/search/retry' },
  'POST /v1/operations/{correlation_id}/revert': {
    path: '/v1/operations/to-revert/revert',
    body: {},
    other: { dry_run: true },
  },
  'POST /v1/memories/expire': {
    path: '/v1/memories/expire',
    body: { memory_type: 'episodic', older_than_days: 1 },
    other: { memory_type: 'episodic', older_than_days: 2 },
  },
  'PUT /v1/admin/jobs/{name}': {
    path: '/v1/admin/jobs/expire-memories',
    body: { schedule: '1 2 3 * *' },
    other: { enabled: false },
  },
  'POST /v1/admin/jobs/{name}/run': {
    path: '/v1/admin/jobs/expire-memories/run',
    body: {},
    other: { dry_run: true },
  },
  'POST /v1/admin/quarantines': {
    path: '/v1/admin/quarantines',
    body: { session_id: 'nobodys', reason: 'r' },
    other: { session_id: 'nobodys', reason: 's' },
  },
  'POST /v1/admin/backups': { path: '/v1/admin/backups' },
  'POST /v1/admin/integrity': { path: '/v1/admin/integrity' },
};

/** Not to be repeated here: they write nothing, or their path is known only once something was answered. */
const OTHERS = [
  'POST /v1/memories/search',
  'POST /v1/documents/search',
  'POST /v1/audit/verify',
  // Shows the key once, and not again: below.
  'POST /v1/admin/keys',
  'POST /v1/admin/keys/{id}/rotate',
  'DELETE /v1/admin/keys/{id}',
  // Goes on writing after it was answered: test/erasure/canaries.spec.ts sends it twice.
  'POST /v1/admin/erasures',
  // Answered from the first conflict, document and search below.
  'POST /v1/memories/conflicts/{id}/resolve',
  'DELETE /v1/documents/{id}',
  'POST /v1/search/{search_id}/feedback',
  'DELETE /v1/admin/quarantines/{id}',
];

describe('A write that is sent twice', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
    api = client(server);
    await api
      .put('/v1/memories/user:once/reverted')
      .set('X-Correlation-Id', 'to-revert')
      .send({ value: {} })
      .expect(201);
  });
  afterAll(() => server.stop());

  const head = async (): Promise<number> => (await api.get('/v1/audit/head').expect(200)).body.position as number;

  const send = async (
    method: string,
    path: string,
    { body, type = 'application/json', key }: { body?: unknown; type?: string; key?: string } = {},
  ) => {
    const answer = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        ...(key === undefined ? {} : { 'idempotency-key': key }),
        ...(body === undefined ? {} : { 'content-type': type }),
      },
      body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await answer.text();
    const { headers, status } = answer;
    return { status, etag: headers.get('etag'), position: headers.get('x-position'), text, headers };
  };
  const said = ({ status, etag, position, text }: Awaited<ReturnType<typeof send>>) => ({
    status,
    etag,
    position,
    text,
  });

  async function twice(name: string, { path, body, other, type }: Write): Promise<void> {
    const [method] = name.split(' ') as [string];
    const key = `once-${name.replace(/\W+/g, '-')}`;
    const first = await send(method, path, { body, type, key });
    expect({ name, status: first.status, text: first.text }).toMatchObject({ status: expect.any(Number) });
    expect(first.status).toBeLessThan(300);
    const before = await head();
    const second = await send(method, path, { body, type, key });
    expect(said(second)).toEqual(said(first));
    expect(await head()).toBe(before);
    if (other === undefined) return;
    const third = await send(method, path, { body: other, type, key });
    const { code } = JSON.parse(third.text) as { code: string };
    expect({ status: third.status, code }).toEqual({ status: 422, code: 'idempotency-key-reused' });
    expect(await head()).toBe(before);
  }

  it('R-A3 is known at every operation that writes', async () => {
    const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, unknown>>;
    };
    const writing = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item)
        .filter((method) => method !== 'get')
        .map((method) => `${method.toUpperCase()} ${path}`),
    );
    const known = [...Object.keys(WRITES), ...OTHERS];
    expect(writing.filter((name) => !known.includes(name))).toEqual([]);
    expect(known.filter((name) => !writing.includes(name))).toEqual([]);
  });

  it.each(Object.entries(WRITES))('R-A3 is answered as the first time, and done once: %s', async (name, write) => {
    for (const [method, path, body] of write.before ?? [])
      expect((await send(method, path, { body })).status).toBeLessThan(300);
    await twice(name, write);
  });

  it('R-A3 makes one key, and shows it once', async () => {
    const before = await head();
    const body = { name: 'k', role: 'auditor' };
    const [first, second] = [
      await send('POST', '/v1/admin/keys', { body, key: 'make' }),
      await send('POST', '/v1/admin/keys', { body, key: 'make' }),
    ];
    const made = JSON.parse(first.text) as { id: string; key: string };
    expect(made.key).toMatch(/^abk_test_/);
    expect(JSON.parse(second.text)).toEqual({ ...made, key: null });
    const path = `/v1/admin/keys/${made.id}`;
    const rotated = await send('POST', `${path}/rotate`, { key: 'rotate' });
    const again = await send('POST', `${path}/rotate`, { key: 'rotate' });
    expect(JSON.parse(again.text)).toEqual({ ...(JSON.parse(rotated.text) as object), key: null });
    expect(await head()).toBe(before + 3);
    await twice('DELETE /v1/admin/keys/{id}', { path });
  });

  it('R-A3 is done once where its path comes from an answer', async () => {
    const document = await api.put('/v1/documents').send({ file_path: 'gone.md', content: 'a' }).expect(201);
    await twice('DELETE /v1/documents/{id}', { path: `/v1/documents/${document.body.id as number}` });
    await api
      .put('/v1/memories/user:sought/k')
      .send({ value: { text: 'green tea' } })
      .expect(201);
    const found = await api.post('/v1/memories/search').send({ query: 'tea', mode: 'keyword' }).expect(200);
    const { search_id, results } = found.body as { search_id: string; results: { id: number }[] };
    await twice('POST /v1/search/{search_id}/feedback', {
      path: `/v1/search/${search_id}/feedback`,
      body: { result_id: results[0]!.id, signal: 'click' },
      other: { result_id: results[0]!.id, signal: 'helpful' },
    });
  });

  it.each([
    ['POST', '/v1/sessions', { app_name: 'a', user_id: 'crowd' }],
    ['POST', '/v1/tasks', { prompt: 'crowd' }],
    ['PUT', '/v1/memories/user:crowd/k', { value: { n: 1 } }],
    ['POST', '/v1/memories/archive', { namespace_prefix: 'user:crowd' }],
  ])('R-A3 fifty times at once has one effect and one answer: %s %s', async (method, path, body) => {
    const before = await head();
    const key = `crowd-${path}`;
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(method, path, { body, key })));
    expect(new Set(answers.map((answer) => JSON.stringify(said(answer)))).size).toBe(1);
    expect(answers[0]!.status).toBeLessThan(300);
    expect((await head()) - before).toBeLessThanOrEqual(1);
  });

  it('R-A3 with If-None-Match: * is done only where nothing is, and no other tag goes with a write', async () => {
    const path = '/v1/memories/user:fresh/k';
    await api
      .put(path)
      .set('If-None-Match', '*')
      .send({ value: { n: 1 } })
      .expect(201);
    expectProblem(
      await api
        .put(path)
        .set('If-None-Match', '*')
        .send({ value: { n: 2 } }),
      412,
      { code: 'version-conflict' },
    );
    expectProblem(
      await api
        .put(path)
        .set('If-None-Match', '"1"')
        .send({ value: { n: 2 } }),
      400,
      { field: 'If-None-Match' },
    );
    expectProblem(await api.put(path).set('If-Match', '"1"').set('If-None-Match', '*').send({ value: {} }), 400, {
      field: 'If-None-Match',
    });
    expectProblem(await api.put(path).set('If-Match', '*').send({ value: {} }), 400, { field: 'If-Match' });
  });
});

describe('Answers for browsers', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
  });
  afterAll(() => server.stop());

  it.each(['/v1/memories', '/v1/nothing', '/v1/sessions/none', '/health', '/metrics', '/openapi.json'])(
    'R-O8 of %s are kept nowhere, run nothing, and do not say what made them',
    async (path) => {
      const { headers } = await fetch(`${server.url}${path}`, { headers: { origin: 'https://evil.example' } });
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
      expect(headers.get('cache-control')).toBe('no-store');
      expect(['server', 'x-powered-by', 'access-control-allow-origin'].filter((name) => headers.has(name))).toEqual([]);
    },
  );

  it('R-O8 at /docs run what comes from the server itself, and nothing else', async () => {
    const answer = await fetch(`${server.url}/docs`);
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(await answer.text()).not.toMatch(/<script>[^<]/);
  });
});
