import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/problem.js';
import { client, startServer, temporaryDirectory, type TestServer } from '../support/server.js';
import { holds, until } from '../support/until.js';
import { ended } from '../support/operations.js';

const PLAN = `---
title: Harvest plan
type: plan
owner: alice
---
# Harvest

${'Apples are picked by hand in the orchard. '.repeat(20)}

## Storage

${'Crates of pears go to the cold cellar under the barn. '.repeat(20)}
`;

describe('Documents', () => {
  let server: TestServer;
  let root: string;
  beforeAll(async () => {
    const outside = temporaryDirectory();
    root = join(outside, 'handbook');
    mkdirSync(join(root, 'inner'), { recursive: true });
    writeFileSync(join(outside, 'secret.md'), '# Secret\n');
    writeFileSync(join(root, 'welcome.md'), '# Welcome\n\nThe coffee machine is on the second floor.\n');
    writeFileSync(join(root, 'inner/holiday.md'), '# Holidays\n\nAsk for vacation two weeks before.\n');
    writeFileSync(join(root, 'huge.md'), '');
    truncateSync(join(root, 'huge.md'), 50 * 1024 * 1024);
    symlinkSync(join(outside, 'secret.md'), join(root, 'secret.md'));
    server = await startServer({ ABATHUR_DOCUMENT_DIRS: root, ABATHUR_DOCUMENT_DEBOUNCE_MS: '100' });
    await holds(async () => (await list('path_prefix=handbook')).length === 3);
  });
  afterAll(() => server.stop());

  const put = (body: object, headers: Record<string, string> = {}) =>
    client(server).put('/v1/documents').set(headers).send(body);
  const list = async (query: string): Promise<{ id: number; file_path: string; [field: string]: unknown }[]> =>
    (await client(server).get(`/v1/documents?${query}`)).body.items;
  const search = async (body: object) => {
    const answer = await client(server).post('/v1/documents/search').send(body);
    expect(answer.body).toMatchObject({ search_id: expect.any(String), results: expect.any(Array) });
    return answer.body as { mode: string; degraded: boolean; results: Record<string, unknown>[] };
  };
  const synced = (id: number): Promise<boolean> =>
    until('it is synced', async () => (await client(server).get(`/v1/documents/${id}`)).body.sync_status === 'synced');

  it('R-M8 are found as they were, also when they have changed or gone since', async () => {
    const first = await put({ file_path: 'past/tides.md', content: '# Tides\n\nThe zeppelin leaves at noon.\n' });
    const changed = await put({ file_path: 'past/tides.md', content: '# Tides\n\nThe submarine leaves at noon.\n' });
    await synced(first.body.id);
    const gone = await client(server).delete(`/v1/documents/${first.body.id}`).expect(204);
    await holds(async () => (await client(server).get('/v1/search/status')).body.lag === 0);
    const found = async (query: string, as_of?: string | number) =>
      (await search({ query, mode: 'keyword', path_prefix: 'past/', as_of })).results.map(({ snippet }) => snippet);
    const [then, later, now] = [first, changed, gone].map(({ headers }) => Number(headers['x-position'])) as number[];
    expect(await found('zeppelin', then)).toEqual([expect.stringContaining('zeppelin')]);
    expect(await found('submarine', then)).toEqual([]);
    expect(await found('zeppelin', later)).toEqual([]);
    expect(await found('submarine', later)).toEqual([expect.stringContaining('submarine')]);
    expect(await found('submarine', now)).toEqual([]);
    expect(await found('submarine')).toEqual([]);
    for (const mode of ['hybrid', 'semantic'])
      expect((await search({ query: 'submarine', mode, path_prefix: 'past/', as_of: later })).results).toMatchObject([
        { file_path: 'past/tides.md', title: 'Tides', document_id: first.body.id, chunk_index: 0 },
      ]);
    const beyond = await client(server)
      .post('/v1/documents/search')
      .send({ query: 'x', as_of: now! + 10_000 });
    expectProblem(beyond, 400, { field: 'as_of' });
  });

  it('R-D1 are written, told by their front matter, and read back', async () => {
    const created = await put({ file_path: 'farm/plan.md', content: PLAN });
    expect(created.status).toBe(201);
    expect(created.headers).toMatchObject({ etag: '"1"', 'x-position': String(created.body.id) });
    expect(created.body).toMatchObject({
      file_path: 'farm/plan.md',
      version: 1,
      title: 'Harvest plan',
      document_type: 'plan',
      chunk_count: 2,
      sync_status: 'pending',
      failure: null,
      origin: 'api',
      metadata: { owner: 'alice' },
    });
    await synced(created.body.id);
    const read = await client(server).get(`/v1/documents/${created.body.id}`);
    expect(read.headers['etag']).toBe('"1"');
    expect(read.body).toEqual({ ...created.body, sync_status: 'synced' });
    const again = await client(server).get(`/v1/documents/${created.body.id}`).set('if-none-match', '"1"');
    expect(again.status).toBe(304);
  });

  it('R-D1 written again make a version when they differ, and nothing when they do not', async () => {
    const first = await put({ file_path: 'farm/notes.md', content: '# One' });
    const same = await put({ file_path: 'farm/notes.md', content: '# One' });
    expect([same.status, same.headers['etag'], same.headers['x-position']]).toEqual([
      200,
      '"1"',
      first.headers['x-position'],
    ]);
    const other = await put({ file_path: 'farm/notes.md', content: '# Two', document_type: 'report' });
    expect([other.status, other.headers['etag'], other.body.id]).toEqual([200, '"2"', first.body.id]);
    expectProblem(await put({ file_path: 'farm/notes.md', content: '# Three' }, { 'if-match': '"1"' }), 412, {
      code: 'version-conflict',
    });
  });

  it('answer a repeated request as the first time, whatever has happened since', async () => {
    const key = { 'idempotency-key': 'documents-1' };
    const first = await put({ file_path: 'farm/repeated.md', content: '# One' }, key);
    await put({ file_path: 'farm/repeated.md', content: '# Two' });
    const repeated = await put({ file_path: 'farm/repeated.md', content: '# One' }, key);
    expect([repeated.status, repeated.headers['etag']]).toEqual([201, '"1"']);
    expect(repeated.body).toMatchObject({ id: first.body.id, version: 1, title: 'One' });
    expectProblem(await put({ file_path: 'farm/repeated.md', content: '# Three' }, key), 422);
  });

  it('are listed by type, status and path, page by page', async () => {
    for (let n = 0; n < 5; n++) await put({ file_path: `lists/${n}.md`, content: `# ${n}`, document_type: 'design' });
    expect(await list('document_type=design&path_prefix=lists/')).toHaveLength(5);
    const seen: string[] = [];
    let cursor = '';
    do {
      const page = await client(server).get(`/v1/documents?path_prefix=lists/&limit=2${cursor}`);
      seen.push(...page.body.items.map(({ file_path }: { file_path: string }) => file_path));
      cursor = page.body.next_cursor === null ? '' : `&cursor=${page.body.next_cursor}`;
    } while (cursor !== '');
    expect(seen).toEqual([4, 3, 2, 1, 0].map((n) => `lists/${n}.md`));
    await holds(async () => (await list('sync_status=synced&path_prefix=lists/')).length === 5);
    expect(await list('sync_status=pending&path_prefix=lists/')).toEqual([]);
    const filter = encodeURIComponent(JSON.stringify({ owner: 'alice' }));
    expect((await list(`filter=${filter}`)).map(({ file_path }) => file_path)).toEqual(['farm/plan.md']);
  });

  it('are removed once, with what could be found of them', async () => {
    const { body } = await put({ file_path: 'farm/gone.md', content: '# Quagmire\n\nzymurgy\n' });
    expect((await search({ query: 'zymurgy', mode: 'keyword' })).results).toHaveLength(1);
    const removed = await client(server).delete(`/v1/documents/${body.id}`).set('if-match', '"1"');
    expect([removed.status, removed.headers['etag'], Number(removed.headers['x-position'])]).toEqual([
      204,
      '"2"',
      expect.any(Number),
    ]);
    expect((await search({ query: 'zymurgy', mode: 'keyword' })).results).toEqual([]);
    const left = (await search({ query: 'zymurgy' })).results.map(({ file_path }) => file_path);
    expect(left).not.toContain('farm/gone.md');
    expectProblem(await client(server).get(`/v1/documents/${body.id}`), 404, { code: 'document-not-found' });
    expectProblem(await client(server).delete(`/v1/documents/${body.id}`), 404, { code: 'document-not-found' });
  });

  it.each(['hybrid', 'semantic', 'keyword'])('R-D6 are found %s, chunk by chunk', async (mode) => {
    const [plan] = await list('path_prefix=farm/plan.md');
    await synced(plan!.id);
    const { results, ...answer } = await search({
      query: 'pears in the cellar',
      mode,
      path_prefix: 'farm/',
      explain: true,
    });
    expect(answer).toMatchObject({ mode, degraded: false });
    expect(results[0]).toMatchObject({
      document_id: plan!.id,
      file_path: 'farm/plan.md',
      title: 'Harvest plan',
      chunk_index: 1,
      heading: 'Harvest > Storage',
      snippet: expect.stringContaining('pears'),
      score_details: { own: expect.any(Number) },
    });
    for (const { score } of results) expect(score).toBeLessThanOrEqual(1);
  });

  it('R-D6 are found by type and metadata only where these hold, and apart from memories', async () => {
    const value = { text: 'Pears in the cellar are mine.' };
    await client(server).put('/v1/memories/user:alice/pears').send({ value });
    const query = 'pears in the cellar';
    expect((await search({ query, document_type: 'plan' })).results.length).toBeGreaterThan(0);
    expect((await search({ query, document_type: 'report', threshold: 0.3 })).results).toEqual([]);
    expect((await search({ query, filter: { owner: 'bob' } })).results).toEqual([]);
    expect((await search({ query, filter: { owner: 'alice' }, limit: 1 })).results).toHaveLength(1);
    const memories = await client(server).post('/v1/memories/search').send({ query });
    expect(memories.body.results[0]).toMatchObject({ key: 'pears' });
    expect(JSON.stringify(memories.body)).not.toContain('plan.md');
  });

  it('R-D3 come from the watched directories, with a reason where they do not', async () => {
    expect((await list('path_prefix=handbook')).map(({ file_path }) => file_path).toSorted()).toEqual([
      'handbook/huge.md',
      'handbook/inner/holiday.md',
      'handbook/welcome.md',
    ]);
    expect(await list('sync_status=failed')).toMatchObject([
      { file_path: 'handbook/huge.md', failure: 'has 52,428,800 bytes; at most 10,485,760 are indexed' },
    ]);
    const { results } = await search({ query: 'When do I ask for vacation?' });
    expect(results[0]).toMatchObject({ file_path: 'handbook/inner/holiday.md', heading: 'Holidays' });
    expect(JSON.stringify(await list('limit=1000'))).not.toContain(root);
  });

  it('R-D3 follow their files', async () => {
    writeFileSync(join(root, 'fresh.md'), '# Fresh\n');
    await holds(async () => (await list('path_prefix=handbook/fresh.md')).length === 1);
    rmSync(join(root, 'fresh.md'));
    await holds(async () => (await list('path_prefix=handbook/fresh.md')).length === 0);
  });

  it('R-D3 are synced when asked to, as an operation', async () => {
    const begun = await client(server).post('/v1/documents/sync').send({ directory: root });
    expect(begun.status).toBe(202);
    expect(begun.body).toMatchObject({ status: expect.any(String), progress: expect.any(Object), result: null });
    expect(begun.headers['location']).toBe(`/v1/operations/${begun.body.id}`);
    expect(await ended(server, begun.body.id)).toMatchObject({
      status: 'succeeded',
      progress: { done: 3, total: 3 },
      result: { found: 3, unchanged: 2, failed: 1, removed: 0 },
    });
    const everything = await client(server).post('/v1/documents/sync');
    expect(await ended(server, everything.body.id)).toMatchObject({ status: 'succeeded' });
    expectProblem(await client(server).get('/v1/operations/none'), 404, { code: 'operation-not-found' });
  });

  it.each(['/etc', '..', 'handbook/..', 'handbook/secret.md', '../handbook', '%2e%2e', 'no'])(
    'T9 are not synced from %s',
    async (directory) => {
      expectProblem(await client(server).post('/v1/documents/sync').send({ directory }), 400, { field: 'directory' });
    },
  );

  it.each([
    ['no path', { content: 'a' }, 'file_path'],
    ['an empty path', { file_path: '', content: 'a' }, 'file_path'],
    ['a path upwards', { file_path: 'a/../b.md', content: 'a' }, 'file_path'],
    ['a path with an empty name', { file_path: 'a//b.md', content: 'a' }, 'file_path'],
    ['NUL in a path', { file_path: 'a\0.md', content: 'a' }, 'file_path'],
    ['a path that is too long', { file_path: 'a'.repeat(1025), content: 'a' }, 'file_path'],
    ['no content', { file_path: 'a.md' }, 'content'],
    ['a content that is no text', { file_path: 'a.md', content: {} }, 'content'],
    ['NUL in the content', { file_path: 'a.md', content: 'a\0b' }, 'content'],
    ['a type that is none', { file_path: 'a.md', content: 'a', document_type: 'novel' }, 'document_type'],
    ['metadata that are a list', { file_path: 'a.md', content: 'a', metadata: [] }, 'metadata'],
    ['an empty title', { file_path: 'a.md', content: 'a', title: '' }, 'title'],
    ['an unknown field', { file_path: 'a.md', content: 'a', color: 'red' }, 'color'],
  ])('are refused with %s', async (_, body, field) => {
    expectProblem(await put(body), 400, { field });
  });

  it.each([
    ['no query', {}, 'query'],
    ['a blank query', { query: '  ' }, 'query'],
    ['an unknown mode', { query: 'a', mode: 'magic' }, 'mode'],
    ['a limit that is too large', { query: 'a', limit: 101 }, 'limit'],
    ['a type that is none', { query: 'a', document_type: 'novel' }, 'document_type'],
    ['an unknown operator', { query: 'a', filter: { owner: { near: 1 } } }, 'filter.owner.near'],
    ['a field of memories', { query: 'a', namespace_prefix: 'user' }, 'namespace_prefix'],
  ])('are not searched with %s', async (_, body, field) => {
    const answer = await client(server).post('/v1/documents/search').send(body);
    expectProblem(answer, 400, field.startsWith('filter') ? {} : { field });
  });

  it.each(['" OR 1 --', '*', 'NEAR(a b)', 'text:a', '-a', '(', '\u{1F600}', 'a'.repeat(10_000)])(
    'are searched for %j without harm',
    async (query) => {
      await search({ query });
      await search({ query, mode: 'keyword' });
    },
  );

  it.each(['sync_status=lost', 'document_type=novel', 'limit=0', 'cursor=made-up', 'color=red', 'filter={'])(
    'are not listed by %s',
    async (query) => expectProblem(await client(server).get(`/v1/documents?${query}`), 400),
  );

  it.each(['none', '0', '-1', '1.5', '1e3', '99999999999999999999'])('are not there under %s', async (id) => {
    expectProblem(await client(server).get(`/v1/documents/${id}`), 404, { code: 'document-not-found' });
  });

  it('R-A4 leave a chain that holds', async () => {
    expect((await client(server).post('/v1/audit/verify')).body).toMatchObject({ ok: true });
  });
});
