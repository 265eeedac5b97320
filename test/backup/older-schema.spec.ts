import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { catalog } from '#assembly';
import { LogWriter } from '#audit-log';
import { Database, migrate, readMigrations } from '#storage';
import { abathur } from '../support/cli.js';
import { MIGRATIONS } from '../support/house.js';
import { inspect } from '../support/inspect.js';
import { client, startServer, temporaryDirectory } from '../support/server.js';

describe('R-O4 A backup of an older schema', () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'abathur.db');
  const environment = { ABATHUR_DB_PATH: path, ABATHUR_BACKUP_DIR: join(directory, 'backups') };
  const migrations = readMigrations(MIGRATIONS);
  const newest = migrations.at(-1)!;
  beforeAll(() => {
    const db = Database.open({ path });
    migrate(db, migrations.slice(0, -1));
    const data = {
      namespace: 'app:before',
      key: 'k',
      version: 1,
      memory_type: 'semantic',
      value: { from: 'before' },
      metadata: {},
      operation: 'create',
      ttl_seconds: null,
      expires_at: null,
      task_id: null,
      session_id: null,
    };
    const log = new LogWriter(db, catalog, () => undefined);
    db.transaction(() => {
      log.refresh();
      log.commit({
        id: 'before',
        conditions: [],
        events: [{ stream: 'memory:app%3Abefore:k', type: 'MemoryWritten', data }],
        proposer: { actor: 'tester', correlation_id: 'before' },
        time: '2026-01-01T00:00:00.000Z',
      });
    });
    db.close();
  });

  it('is taken as it is, and brought up to date when it is had back', async () => {
    const taken = await abathur(['backup', '--json'], environment);
    expect(JSON.parse(taken.out)).toMatchObject({ position: 1, schema_version: migrations.at(-2)!.version });
    const into = join(directory, 'restored.db');
    const { code, err, out } = await abathur(['restore', 'latest', '--into', into, '--yes'], environment);
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('is restored: 1 entries') });
    expect(err).toContain(`Its schema was brought up to date: ${newest.name}.`);
    const server = await startServer({ ABATHUR_DB_PATH: into });
    await client(server)
      .put('/v1/memories/app:after/k')
      .send({ value: { n: 1 } })
      .expect(201);
    const { body } = await client(server).get('/v1/memories/app:before/k').expect(200);
    expect(body.value).toEqual({ from: 'before' });
    expect(await server.stop()).toBe(0);
    expect(inspect(into)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});
