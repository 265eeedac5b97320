import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { lockForRebuild, type RebuildReport } from '#projections';
import { damage, importMemories } from '../support/damage.js';
import { inspect } from '../support/inspect.js';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';

describe('R-A5 Projections, through REST', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
    await importMemories(server.url, 3000);
  });
  afterAll(() => server.kill());

  const at = '/v1/admin/projections';

  /** Begins a rebuild and waits for its end. */
  async function rebuild(name: string, body?: object): Promise<RebuildReport> {
    const { body: operation, headers } = await client(server).post(`${at}/${name}/rebuild`).send(body).expect(202);
    expect(headers['location']).toBe(`/v1/operations/${operation.id}`);
    for (;;) {
      const { body: now } = await client(server).get(`/v1/operations/${operation.id}`).expect(200);
      if (now.status === 'succeeded') return now.result as RebuildReport;
      if (now.status !== 'running') throw new Error(now.error as string);
      await sleep(20);
    }
  }

  const find = async (query: string): Promise<number> => {
    const { body } = await client(server).post('/v1/memories/search').send({ query, mode: 'keyword' }).expect(200);
    return (body.results as unknown[]).length;
  };

  it('are listed with where they are, how they stand and how many rows they have', async () => {
    const { body } = await client(server).get(at).expect(200);
    const memories = (body as { name: string }[]).find(({ name }) => name === 'memories');
    expect(memories).toEqual({
      name: 'memories',
      mode: 'inline',
      position: expect.any(Number),
      lag: 0,
      status: 'running',
      reason: null,
      parked: 0,
      rows: expect.any(Number),
    });
    expect((memories as unknown as { rows: number }).rows).toBeGreaterThanOrEqual(3000);
  });

  it('are rebuilt and found to be equal', async () => {
    expect(await rebuild('all')).toMatchObject({ equal: true, differences: [], exchanged: [] });
  });

  it('that were damaged are exchanged under the eyes of readers, and searches and writes go on with them', async () => {
    damage(
      server.path,
      `DELETE FROM memory_words WHERE rowid % 2 = 0; UPDATE memory_entries SET value = '{}' WHERE id % 2 = 0`,
    );
    await client(server)
      .put('/v1/memories/user:u1/lilac')
      .send({ value: { text: 'lilac' } })
      .expect(201);
    const report = await rebuild('all');
    expect(report.exchanged).toEqual(expect.arrayContaining(['memory_entries', 'memory_words']));
    expect(await find('lilac')).toBe(1);
    await client(server)
      .put('/v1/memories/user:u1/heather')
      .send({ value: { text: 'heather' } })
      .expect(201);
    expect([await find('heather'), await find('2998')]).toEqual([1, 1]);
    expect(inspect(server.path)).toMatchObject({
      differences: [],
      integrity: 'ok',
      chain: { checked: expect.any(Number) },
    });
  });

  it('are only compared when that is asked for', async () => {
    damage(server.path, `DELETE FROM memory_entries WHERE id = (SELECT max(id) FROM memory_entries)`);
    expect(await rebuild('memories', { dry_run: true })).toMatchObject({
      equal: false,
      differences: [{ table: 'memory_entries', surplus: 0, missing: 1, changed: 0 }],
      exchanged: [],
    });
    expect(await rebuild('memories', { dry_run: true })).toMatchObject({ equal: false });
    expect(await rebuild('memories')).toMatchObject({
      exchanged: expect.arrayContaining(['memory_entries', 'memory_deletions']),
    });
    expect(await rebuild('memories')).toMatchObject({ equal: true });
  });

  it('are rebuilt by one at a time, whoever it is', async () => {
    const lock = lockForRebuild(server.path);
    const refused = await client(server).post(`${at}/all/rebuild`);
    lock.release();
    expectProblem(refused, 409, { code: 'rebuild-running' });
    const [one, two] = await Promise.all([1, 2].map(() => client(server).post(`${at}/all/rebuild`)));
    expect([one!.status, two!.status].toSorted()).toEqual([202, 409]);
    const { body } = one!.status === 202 ? one! : two!;
    while ((await client(server).get(`/v1/operations/${body.id}`)).body.status === 'running') await sleep(20);
    expect(existsSync(`${server.path}-rebuild`)).toBe(false);
  });

  it.each([
    ['post', 'none/rebuild'],
    ['get', 'none/parked'],
    ['post', 'none/retry'],
    ['post', 'all/retry'],
  ] as const)('%s of %s is refused, because there is none', async (method, path) => {
    expectProblem(await client(server)[method](`${at}/${path}`), 404, { code: 'projection-not-found' });
  });

  it('keep events aside that they could not digest, and take them in when they are tried again', async () => {
    const { body: before } = await client(server).get(at);
    damage(
      server.path,
      `INSERT INTO parked_events (projection, position, reason, attempts, parked_at) VALUES ('activity', 2, 'too bitter', 1, 'x')`,
    );
    const { body: parked } = await client(server).get(`${at}/activity/parked`).expect(200);
    expect(parked).toEqual([
      { position: 2, type: expect.any(String), reason: 'too bitter', attempts: 1, parked_at: 'x' },
    ]);
    const { body: list } = await client(server).get(at);
    expect(list).toContainEqual(expect.objectContaining({ name: 'activity', status: 'parked', parked: 1 }));
    await client(server).post(`${at}/activity/retry`).expect(200, { retried: 1, digested: 1 });
    const { body: after } = await client(server).get(at);
    expect(after).toHaveLength((before as unknown[]).length);
    expect(after).toContainEqual(expect.objectContaining({ name: 'activity', status: 'running', parked: 0 }));
    // It had been digested already: now it is counted twice, which a rebuild mends.
    expect(await rebuild('activity')).toMatchObject({ differences: [{ table: 'metrics', changed: 1 }] });
  });

  it('are left as they are by a server that stops meanwhile', async () => {
    await client(server).post(`${at}/all/rebuild`).expect(202);
    expect(await server.stop()).toBe(0);
    expect(inspect(server.path)).toMatchObject({ differences: [], integrity: 'ok' });
    server = await startServer({ ABATHUR_DB_PATH: server.path });
    expect(existsSync(`${server.path}-rebuild`)).toBe(false);
    expect(await rebuild('all')).toMatchObject({ equal: true });
  });
});
