import { existsSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from '@jest/globals';
import { inspect } from '../support/inspect.js';
import { importMemories } from '../support/damage.js';
import { client, startServer, type TestServer } from '../support/server.js';

const CANARY = 'canary-of-a-killed-erasure';

describe('R-A1 An erasure whose process is killed', () => {
  let server: TestServer | undefined;
  afterAll(() => server?.kill());

  // At the order, among the entries, among the tables, while the file is written anew: where it is then is left to chance.
  it.each([0, 200])(
    'after %i milliseconds goes on at the next start, and leaves nothing',
    async (delay) => {
      server = await startServer();
      await importMemories(server.url, 300);
      for (let n = 0; n < 40; n++)
        await client(server)
          .put(`/v1/memories/user:alice:n${n}/k`)
          .send({ value: { text: `${CANARY} ${n}` } })
          .expect(201);
      const { body } = await client(server)
        .post('/v1/admin/erasures')
        .send({ user_id: 'alice', reason: 'Request 7' })
        .expect(202);
      await new Promise((resolve) => setTimeout(resolve, delay));
      await server.kill();

      server = await startServer({ ABATHUR_DB_PATH: server.path });
      const { url, path } = server;
      let completed: string | null = null;
      for (let n = 0; n < 2000 && completed === null; n++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        const answer = await fetch(`${url}/v1/admin/erasures/${body.erasure.id}`);
        completed = ((await answer.json()) as { completed_at: string | null }).completed_at;
      }
      expect(completed).not.toBeNull();
      const { body: verified } = await client(server).post('/v1/audit/verify').send({}).expect(200);
      expect(verified).toMatchObject({ ok: true });
      expect(await server.stop()).toBe(0);
      for (const file of [path, `${path}-wal`, `${path}-rebuild`])
        expect(existsSync(file) && readFileSync(file).includes(CANARY)).toBe(false);
      expect(inspect(path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
    },
    300_000,
  );
});
