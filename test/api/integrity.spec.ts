import { uptime } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Sqlite from 'better-sqlite3';
import { client, startServer, type TestServer } from '../support/server.js';
import { ended } from '../support/operations.js';

describe('R-S8 POST /v1/admin/integrity', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer();
    api = client(server);
  });
  afterAll(() => server.stop());

  const check = async () => {
    const { body, headers } = await api.post('/v1/admin/integrity').expect(202);
    expect(headers['location']).toBe(`/v1/operations/${body.id}`);
    return ended(server, body.id as string);
  };

  it('before the first check, nothing is said of one', async () => {
    expect((await api.get('/v1/admin/integrity').expect(200)).body).toEqual({ running: false, last: null });
    expect((await api.get('/health')).body.parts.integrity).toEqual({
      status: 'ok',
      details: { running: false, last_run: null },
    });
  });

  it('checks everything, and tells it where operators look', async () => {
    const operation = await check();
    expect(operation).toMatchObject({ kind: 'integrity', status: 'succeeded', result: { ok: true } });
    const { body } = await api.get('/v1/admin/integrity').expect(200);
    expect(body).toEqual({ running: false, last: operation.result });
    expect(body.last.checks).toHaveLength(6);
    const { integrity } = (await api.get('/health').expect(200)).body.parts;
    expect(integrity).toMatchObject({ status: 'ok', details: { last_run: body.last.finished_at } });
    const { text } = await api.get('/metrics');
    for (const name of ['sqlite', 'foreign-keys', 'chain', 'tables', 'words', 'vectors']) {
      expect(text).toMatch(new RegExp(`^abathur_integrity_check_ok\\{check="${name}"\\} 1$`, 'm'));
      expect(text).toMatch(
        new RegExp(`^abathur_integrity_check_last_run_timestamp_seconds\\{check="${name}"\\} \\d+`, 'm'),
      );
    }
  });

  it('says what is wrong, and goes on answering', async () => {
    await api
      .put('/v1/memories/user:alice/coffee')
      .send({ value: { likes: 'black' } })
      .expect(201);
    const db = new Sqlite(server.path);
    db.exec(`UPDATE memory_entries SET created_by = 'nobody' WHERE namespace = 'user:alice'`);
    db.close();
    const { result } = (await check()) as { result: { ok: boolean; checks: { name: string; flaws: object[] }[] } };
    expect(result.ok).toBe(false);
    expect(result.checks.find(({ name }) => name === 'tables')!.flaws).toEqual([
      {
        where: expect.stringMatching(/^memory_entries \d+$/),
        what: 'differs in created_by',
        remedy: 'Rebuild it from the log: abathur projections rebuild memories.',
      },
    ]);
    const health = await api.get('/health').expect(200);
    expect(health.body).toMatchObject({
      status: 'degraded',
      parts: { integrity: { status: 'degraded', reason: 'the check of tables found 1 flaw' } },
    });
    expect((await api.get('/metrics')).text).toMatch(/^abathur_integrity_check_ok\{check="tables"\} 0$/m);
    expect((await api.get('/health/ready')).status).toBe(200);
    await api.get('/v1/memories/user:alice/coffee').expect(200);
  });

  it('is made once at a time, by two processes on one file too: who comes second is told of the first', async () => {
    const second = await startServer({ ABATHUR_DB_PATH: server.path });
    try {
      const asked = await Promise.all(
        [server, second, server, second, server, second].map((asked_) => client(asked_).post('/v1/admin/integrity')),
      );
      const begun = asked.filter(({ status }) => status === 202).map(({ body }) => body.id as string);
      const refused = asked.filter(({ status }) => status !== 202);
      expect(begun.length).toBeGreaterThan(0);
      for (const { status, body } of refused) {
        expect({ status, body }).toMatchObject({ status: 409, body: { code: 'integrity-running' } });
        expect(begun).toContain(/\/v1\/operations\/(\S+)/.exec(body.hint as string)?.[1]);
      }
      for (const id of begun) expect(await ended(server, id)).toMatchObject({ status: 'succeeded' });
    } finally {
      await second.stop();
    }
  });

  it.each([
    ['/v1/admin/integrity', 'job.check-integrity', 'integrity-running'],
    ['/v1/admin/backups', 'job.backup', 'backup-running'],
  ])('POST %s is refused while a worker does the same as %s', async (path, kind, code) => {
    const db = new Sqlite(server.path);
    db.prepare(
      `INSERT INTO operations (operation_id, kind, status, done, total, started_at, beat)
       VALUES ('theirs', ?, 'running', 0, 0, '2026-01-01T00:00:00.000Z', ?)`,
    ).run(kind, Math.floor(uptime()));
    try {
      const { status, body } = await api.post(path);
      expect({ status, body }).toMatchObject({
        status: 409,
        body: { code, hint: expect.stringContaining('/theirs ') },
      });
    } finally {
      db.exec(`DELETE FROM operations WHERE operation_id = 'theirs'`);
      db.close();
    }
  });

  it('is known after a restart', async () => {
    const path = server.path;
    await server.stop();
    server = await startServer({ ABATHUR_DB_PATH: path });
    api = client(server);
    expect((await api.get('/v1/admin/integrity')).body.last).toMatchObject({ ok: false });
  });
});
