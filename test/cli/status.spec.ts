import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { damage } from '../support/damage.js';
import { abathur } from '../support/cli.js';
import { client, startServer, temporaryDirectory, type TestServer } from '../support/server.js';

describe('R-O9 One screen', () => {
  const directory = temporaryDirectory();
  const documents = join(directory, 'papers');
  let server: TestServer;
  let environment: Record<string, string>;
  beforeAll(async () => {
    mkdirSync(documents);
    writeFileSync(join(documents, 'tea.md'), '# Tea\n\nGreen, black and white.\n');
    writeFileSync(join(documents, 'broken.md'), Buffer.from([0x23, 0x20, 0xff, 0xfe, 0x0a]));
    server = await startServer({ ABATHUR_DOCUMENT_DIRS: documents }, directory);
    environment = {
      ABATHUR_DB_PATH: server.path,
      ABATHUR_BACKUP_DIR: join(directory, 'backups'),
      PORT: String(server.port),
    };
  });
  afterAll(() => server.kill());

  interface Told {
    server: { url: string } | null;
    file: string | null;
    log: { position: number };
    projections: { name: string; lag: number }[];
    backlog: number | null;
    backups: { count: number; last: { position: number } | null };
    disk: { available: number } | null;
    jobs: { name: string }[];
    needs_a_look: string[];
  }
  const told = async (): Promise<Told> => {
    const { code, out } = await abathur(['status', '--json'], environment);
    const standing = JSON.parse(out) as Told;
    expect(code).toBe(standing.needs_a_look.length === 0 ? 0 : 1);
    // How full the disk of this machine is, is none of the specs' business.
    standing.needs_a_look = standing.needs_a_look.filter((line) => !line.includes('the disk'));
    return standing;
  };

  it('tells what a running server tells of itself, and what should be looked at', async () => {
    const standing = await told();
    const { body: head } = await client(server).get('/v1/audit/head');
    expect(standing).toMatchObject({
      server: { url: server.url },
      file: server.path,
      health: { status: 'ok' },
      backups: { count: 0, last: null },
      disk: { available: expect.any(Number) },
      needs_a_look: ['there is no backup: abathur backup'],
    });
    expect(standing.log.position).toBeLessThanOrEqual((head as { position: number }).position);
    expect(standing.log.position).toBeGreaterThan(0);
    expect(standing.projections.map(({ name }) => name)).toEqual(expect.arrayContaining(['memories', 'sessions']));
    expect(standing.jobs.map(({ name }) => name)).toContain('backup');
  });

  it('is content once there is a backup', async () => {
    expect((await abathur(['backup'], environment)).code).toBe(0);
    const standing = await told();
    expect(standing.backups).toMatchObject({ count: 1, last: { position: expect.any(Number) } });
    expect(standing.needs_a_look).toEqual([]);
    const { out } = await abathur(['status'], environment);
    expect(out).toMatch(/^server +http:\/\/127\.0\.0\.1:\d+, version \S+, up /m);
    expect(out).toMatch(/^backups +1, the last .* ago: \S+, \d+ entries, /m);
  });

  it('of documents tells where they are from, and why one failed', async () => {
    const synced = await abathur(['documents', 'sync', '--json'], environment);
    expect(JSON.parse(synced.out)).toMatchObject({
      found: 2,
      failed: 1,
      failures: [{ file_path: 'papers/broken.md' }],
    });
    expect(synced.code).toBe(1);
    const { out, code } = await abathur(['documents', 'list', 'papers/'], environment);
    expect(out).toMatch(/^\d+ +papers\/tea\.md +(synced|pending) +1 +Tea$/m);
    expect(code).toBe(0);
    const failed = await abathur(['documents', 'list', '--status', 'failed', '--json'], environment);
    expect(JSON.parse(failed.out)).toMatchObject({ items: [{ file_path: 'papers/broken.md' }] });
  });

  it('verify --all looks at everything in the running database, and at every backup', async () => {
    const { out, code } = await abathur(['verify', '--all', '--json'], environment);
    expect(JSON.parse(out)).toMatchObject({ ok: true, database: { ok: true }, backups: [{ ok: true }] });
    expect(code).toBe(0);
  });

  describe('without a server', () => {
    beforeAll(async () => {
      expect(await server.stop()).toBe(0);
    });

    it('tells what the file tells', async () => {
      const standing = await told();
      expect(standing).toMatchObject({ server: null, file: server.path, backlog: null, needs_a_look: [] });
      expect(standing.jobs.map(({ name }) => name)).toContain('backup');
      expect((await abathur(['status'], environment)).out).toMatch(/^server +none has this file open$/m);
    });

    it('says that documents take a server', async () => {
      const { code, err } = await abathur(['documents', 'sync'], environment);
      expect(code).toBe(69);
      expect(err).toContain('Documents are read by a server, and none has this database open.\n  Start one');
    });

    it('verify --all names the backup that is not what it was', async () => {
      const { out } = await abathur(['backup', 'list', '--json'], environment);
      const { backups } = JSON.parse(out) as { backups: { id: string }[] };
      const { id } = backups[0]!;
      writeFileSync(join(directory, 'backups', id, 'abathur.db.zst'), 'something else');
      const { out: report, code } = await abathur(['verify', '--all'], environment);
      expect(report).toContain(`FAIL ${id}: abathur.db.zst is not what its manifest says\n0 of 1 backups`);
      expect(code).toBe(1);
    });

    it('tells of a projection that has stopped', async () => {
      damage(server.path, `UPDATE projections SET stopped_by = 'no such thing' WHERE name = 'activity'`);
      expect((await told()).needs_a_look).toContain('activity: no such thing');
    });
  });
});
