import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { client, freePort, startServer, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

/** The samples of an exposition, by name and labels. */
const samples = (text: string): Map<string, number> =>
  new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );

describe('R-O1 The metrics', () => {
  let server: TestServer;
  beforeAll(async () => {
    // Nothing but what is asked of it.
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
  });
  afterAll(() => server.stop());
  const scrape = async () => samples((await client(server).get('/metrics').expect(200)).text);

  const put = (namespace: string, key: string, text: string) =>
    client(server).put(`/v1/memories/${namespace}/${key}`).send({ value: { text }, memory_type: 'semantic' });

  it('count what was done, and from nothing on', async () => {
    const before = await until('the first count', async () => {
      const now = await scrape();
      return now.has('abathur_memory_versions') && now;
    });
    const operations = 'abathur_memory_operations_total{operation="create",memory_type="semantic"}';
    const deletes = 'abathur_memory_operations_total{operation="delete",memory_type="semantic"}';
    const versions = 'abathur_memory_versions';
    expect(before.get(deletes)).toBe(0);
    for (const key of ['a', 'b', 'c']) await put('user:alice', key, `Note ${key}`).expect(201);
    await client(server).delete('/v1/memories/user:alice/a').expect(204);
    await client(server).get('/v1/memories?namespace_prefix=user:alice').expect(200);
    await client(server).post('/v1/memories/search').send({ query: 'note', mode: 'keyword' }).expect(200);
    const after = await until('a new count', async () => {
      const now = await scrape();
      return now.get(versions) === before.get(versions)! + 3 && now;
    });
    const grown = (name: string): number => after.get(name)! - before.get(name)!;
    expect(grown(operations)).toBe(3);
    expect(grown(deletes)).toBe(1);
    expect(grown('abathur_events_appended_total{type="MemoryWritten"}')).toBe(3);
    expect(grown('abathur_memory_namespace_queries_total{scope="user"}')).toBe(1);
    expect(grown('abathur_memory_namespace_queries_total{scope="any"}')).toBe(1);
    expect(grown('abathur_search_requests_total{source="memory",mode="keyword",result="hit"}')).toBe(1);
    expect(after.get('abathur_db_query_duration_seconds_count{kind="scan",read="memories.page"}')).toBe(1);
    expect(after.get('abathur_db_query_duration_seconds_bucket{kind="scan",read="memories.page",le="+Inf"}')).toBe(1);
  });

  it('stay as many, whatever clients think of', async () => {
    const ask = async (n: number): Promise<void> => {
      await put(`user:somebody-${n}`, `key-${n}`, `Text ${n}`);
      await client(server).get(`/v1/memories?namespace_prefix=user:somebody-${n}`);
      await client(server).get(`/v1/memories?namespace_prefix=nonsense-${n}`);
      await client(server).get(`/nowhere-${n}/at-all`);
      await client(server).get(`/v1/sessions/session-${n}`);
    };
    await ask(0);
    const before = new Set((await scrape()).keys());
    for (let n = 1; n <= 40; n++) await ask(n);
    const after = [...(await scrape()).keys()];
    expect(after.filter((name) => !before.has(name) && !name.startsWith('nodejs_'))).toEqual([]);
    expect(after.length).toBeLessThan(3000);
  });

  it('hold no name that Prometheus keeps for counters and that is none', async () => {
    const { text } = await client(server).get('/metrics');
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => ({ name: name!, type: type! }));
    expect(types.length).toBeGreaterThan(80);
    expect(types.filter(({ name, type }) => name.endsWith('_total') !== (type === 'counter'))).toEqual([]);
  });
});

describe('R-O1 The metrics of a server and of the workers beside it', () => {
  let server: TestServer;
  let worker: ChildProcess;
  let url: string;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    worker = spawn(process.execPath, [join(process.cwd(), 'dist/apps/worker/main.js')], {
      env: {
        ...process.env,
        ABATHUR_DB_PATH: server.path,
        ABATHUR_BACKUP_DIR: `${server.path}-backups`,
        ABATHUR_BALLAST_MB: '0',
        ABATHUR_LOG_LEVEL: 'silent',
        ABATHUR_WORKER_PORT: String(port),
      },
      stdio: 'ignore',
    });
    await until('the workers live', async () => (await fetch(`${url}/health/live`).catch(() => undefined))?.ok);
  });
  afterAll(async () => {
    const exited = once(worker, 'exit');
    worker.kill('SIGTERM');
    await exited;
    await server.stop();
  });

  it('agree on what is in the database', async () => {
    await client(server)
      .put('/v1/memories/user:alice/tea')
      .send({ value: { text: 'Green' }, memory_type: 'semantic' })
      .expect(201);
    const shared = [
      'abathur_log_position',
      'abathur_memory_versions',
      'abathur_memory_entries{memory_type="semantic"}',
      'abathur_vector_index_rows{model="abathur-local-1"}',
      'abathur_projection_lag_events{projection="search"}',
      'abathur_db_wal_frames{state="all"}',
    ];
    await until('both say the same', async () => {
      const [one, other] = await Promise.all(
        [`${server.url}/metrics`, `${url}/metrics`].map(async (address) =>
          samples(await (await fetch(address)).text()),
        ),
      );
      const backlog = one!.get('abathur_embedding_backlog_texts');
      return backlog === 0 && shared.every((name) => one!.has(name) && one!.get(name) === other!.get(name));
    });
  });

  it('count each what they did themselves', async () => {
    const [served, worked] = await Promise.all(
      [`${server.url}/metrics`, `${url}/metrics`].map(async (address) => samples(await (await fetch(address)).text())),
    );
    const written = 'abathur_events_appended_total{type="MemoryWritten"}';
    expect(served!.get(written)).toBeGreaterThan(0);
    expect(worked!.get(written)).toBe(0);
    expect(served!.get('abathur_embeddings_total{result="stored"}')).toBe(0);
    expect(worked!.get('abathur_embeddings_total{result="stored"}')).toBeGreaterThan(0);
  });

  it('are all that the workers serve', async () => {
    expect((await fetch(`${url}/v1/memories`)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404);
  });
});
