import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Database, locksOf } from '#storage';
import { abathur } from '../support/cli.js';
import { client, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.kill());

it('a server that was checked still holds its locks, so that nobody takes the write-ahead log from under it', async () => {
  const holders = (): number[] => locksOf(server.path).open.map(({ pid }) => pid);
  expect(holders()).toEqual([server.process.pid]);
  expect((await abathur(['integrity', '--url', server.url])).code).toBe(0);
  expect(holders()).toEqual([server.process.pid]);

  await client(server)
    .put('/v1/memories/app:x/before')
    .send({ value: { n: 1 } })
    .expect(201);
  // Whoever is the last to close removes the log; this one is not.
  Database.open({ path: server.path }).close();
  expect(existsSync(`${server.path}-wal`)).toBe(true);
  await client(server)
    .put('/v1/memories/app:x/after')
    .send({ value: { n: 2 } })
    .expect(201);
  await server.kill();
  const db = Database.open({ path: server.path });
  expect(db.all({ text: `SELECT key FROM memory_entries WHERE namespace = 'app:x'`, params: [] })).toHaveLength(2);
  db.close();
});
