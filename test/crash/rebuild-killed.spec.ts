import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql, Database } from '#storage';
import { damage, importMemories } from '../support/damage.js';
import { inspect } from '../support/inspect.js';
import { client, startServer, type TestServer } from '../support/server.js';

/** Shares of a whole rebuild's time after which it is killed; the last ones meet the exchange. */
const MOMENTS = [0.2, 0.9, 1];

const DAMAGE = `UPDATE memory_entries SET value = '{}' WHERE id % 2 = 0; DELETE FROM memory_words WHERE rowid % 3 = 0`;

describe(`R-A5 Killed ${MOMENTS.length} times in the middle of a rebuild, the server`, () => {
  let server: TestServer;
  let whole: number;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
    await importMemories(server.url, 8000);
    damage(server.path, DAMAGE);
    const begin = performance.now();
    expect(await rebuilt()).toBe('succeeded');
    whole = performance.now() - begin;
  });
  afterAll(() => server.kill());

  const begin = async (): Promise<string> => {
    const { body } = await client(server).post('/v1/admin/projections/all/rebuild').expect(202);
    return body.id as string;
  };
  const rebuilt = async (): Promise<string> => {
    const id = await begin();
    for (;;) {
      const { body } = await client(server).get(`/v1/operations/${id}`);
      if (body.status !== 'running') return body.status as string;
      await sleep(5);
    }
  };
  /** How many rows are not what the log makes of them: half of all memories while damaged, none afterwards. */
  const wrongRows = (): number => {
    const db = Database.open({ path: server.path, readonly: true });
    try {
      return db.one<{ count: number }>(sql`SELECT count(*) AS count FROM memory_entries WHERE value = '{}'`)!.count;
    } finally {
      db.close();
    }
  };

  it.each(MOMENTS)('has the old tables or the new ones, never both, after %f of it', async (moment) => {
    damage(server.path, DAMAGE);
    const damaged = wrongRows();
    const answered = client(server).put('/v1/memories/user:u1/acknowledged').send({ value: { moment } });
    await begin();
    await sleep(moment * whole);
    const { headers } = await answered;
    await server.kill();
    expect([damaged, 0]).toContain(wrongRows());
    server = await startServer({ ABATHUR_BACKGROUND: 'off', ABATHUR_DB_PATH: server.path });
    expect(existsSync(`${server.path}-rebuild`)).toBe(false);
    const { body } = await client(server).get('/v1/memories/user:u1/acknowledged').expect(200);
    expect([body.value, headers['x-position']]).toEqual([{ moment }, expect.any(String)]);
  });

  it('rebuilds at last, and is whole', async () => {
    expect(await rebuilt()).toBe('succeeded');
    expect(inspect(server.path)).toMatchObject({ differences: [], integrity: 'ok', holes: [] });
  });
});
