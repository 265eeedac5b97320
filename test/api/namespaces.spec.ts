import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';

describe('Namespaces over REST', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer();
    api = client(server);
    const spaces = [
      'project:p:docs:notes',
      'project:p:docs:plans',
      'project:p:docs',
      'project:p2:docs:notes',
      'project:p:tasks:notes',
      'project:%:docs',
      'project:_:docs',
    ];
    const operations = spaces.flatMap((namespace) =>
      ['a', 'b'].map((key) => ({ op: 'put', namespace, key, value: {} })),
    );
    await api.post('/v1/memories/batch').send({ operations }).expect(200);
  });
  afterAll(() => server.stop());

  const list = async (query: object): Promise<Record<string, number>> => {
    const { body } = await api.get('/v1/namespaces').query(query).expect(200);
    return Object.fromEntries(
      (body.items as { namespace: string; count: number }[]).map(({ namespace, count }) => [namespace, count]),
    );
  };

  it('R-M6 lists namespaces that hold memories, in order, with how many', async () => {
    const found = await list({ prefix: 'project' });
    expect(Object.entries(found)).toEqual([
      ['project:%:docs', 2],
      ['project:_:docs', 2],
      ['project:p2:docs:notes', 2],
      ['project:p:docs', 2],
      ['project:p:docs:notes', 2],
      ['project:p:docs:plans', 2],
      ['project:p:tasks:notes', 2],
    ]);
  });

  it('R-M6 matches prefixes and suffixes by whole segments', async () => {
    expect(Object.keys(await list({ prefix: 'project:p' }))).not.toContain('project:p2:docs:notes');
    expect(Object.keys(await list({ prefix: 'project:p:docs' }))).toEqual([
      'project:p:docs',
      'project:p:docs:notes',
      'project:p:docs:plans',
    ]);
    expect(await list({ prefix: 'project:p:doc' })).toEqual({});
    expect(Object.keys(await list({ prefix: 'project', suffix: 'notes' }))).toEqual([
      'project:p2:docs:notes',
      'project:p:docs:notes',
      'project:p:tasks:notes',
    ]);
    expect(Object.keys(await list({ prefix: 'project', suffix: 'docs:notes' }))).toEqual([
      'project:p2:docs:notes',
      'project:p:docs:notes',
    ]);
    expect(await list({ suffix: 'otes' })).toEqual({});
  });

  it('R-M6 takes * as any one segment, and % and _ for themselves', async () => {
    expect(Object.keys(await list({ prefix: 'project:*:docs' }))).toHaveLength(6);
    expect(Object.keys(await list({ prefix: 'project:*:docs:*' }))).toEqual([
      'project:p2:docs:notes',
      'project:p:docs:notes',
      'project:p:docs:plans',
    ]);
    expect(Object.keys(await list({ prefix: '*:p', suffix: '*:notes' }))).toEqual([
      'project:p:docs:notes',
      'project:p:tasks:notes',
    ]);
    expect(await list({ prefix: 'project:p*' })).toEqual({});
    expect(Object.keys(await list({ prefix: 'project:%' }))).toEqual(['project:%:docs']);
    expect(Object.keys(await list({ prefix: 'project:_' }))).toEqual(['project:_:docs']);
  });

  it('R-M6 cuts namespaces to a depth, and counts them together', async () => {
    expect(await list({ prefix: 'project:p', max_depth: 3 })).toEqual({ 'project:p:docs': 6, 'project:p:tasks': 2 });
    expect(await list({ prefix: 'project', max_depth: 1 })).toEqual({ project: 14 });
    expect(Object.keys(await list({ prefix: 'project:p', max_depth: 64 }))).toHaveLength(4);
  });

  it('R-M6 pages by a cursor that stays good while namespaces are added, and refuses any other', async () => {
    const seen: string[] = [];
    let cursor: string | null | undefined;
    do {
      const { body } = await api.get('/v1/namespaces').query({ prefix: 'project:p', limit: 1, cursor }).expect(200);
      seen.push(...(body.items as { namespace: string }[]).map(({ namespace }) => namespace));
      cursor = body.next_cursor as string | null;
      if (seen.length === 2) {
        expectProblem(await api.get('/v1/namespaces').query({ cursor }), 400, { field: 'cursor' });
        await api.put('/v1/memories/project:p:a/k').send({ value: {} }).expect(201);
      }
    } while (cursor !== null);
    expect(seen).toEqual(['project:p:docs', 'project:p:docs:notes', 'project:p:docs:plans', 'project:p:tasks:notes']);
    await api.delete('/v1/memories/project:p:a/k').expect(204);
  });

  it('R-M4 does not list a namespace whose last memory was deleted', async () => {
    await api.put('/v1/memories/user:short/k').send({ value: {} }).expect(201);
    expect(await list({ prefix: 'user:short' })).toEqual({ 'user:short': 1 });
    await api.delete('/v1/memories/user:short/k').expect(204);
    expect(await list({ prefix: 'user:short' })).toEqual({});
    await api.post('/v1/memories/user:short/k/restore').expect(200);
    expect(await list({ prefix: 'user:short' })).toEqual({ 'user:short': 1 });
  });

  it.each([
    [{ prefix: 'project::x' }, 'prefix'],
    [{ suffix: ':' }, 'suffix'],
    [{ prefix: '' }, 'prefix'],
    [{ max_depth: 0 }, 'max_depth'],
    [{ limit: 0 }, 'limit'],
    [{ depth: 1 }, 'depth'],
  ])('R-M6 refuses %j', async (query, field) => {
    expectProblem(await api.get('/v1/namespaces').query(query), 400, { field });
  });
});
