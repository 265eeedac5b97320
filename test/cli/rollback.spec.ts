import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ListedBackup, Manifest } from '#backup';
import { Database, sql } from '#storage';
import { abathur, type Ended } from '../support/cli.js';
import { digestOf } from '../support/digest.js';
import { inspect } from '../support/inspect.js';
import { livedFile, liveOn, type LivedFile } from '../support/lived-file.js';
import { startServer, temporaryDirectory } from '../support/server.js';

/** A deployment that failed: a good backup from before it, and a server that was killed with writes in its log. */
interface Failed extends LivedFile {
  good: ListedBackup;
  shelf: string;
}

async function failedDeployment(): Promise<Failed> {
  const file = await livedFile(400);
  const taken = await abathur(['backup', '--json'], file.environment);
  // The seed's own kind of backup, of the same moment.
  const folded = join(file.directory, 'folded.db');
  copyFileSync(file.path, folded);
  writeFileSync(join(file.directory, 'abathur_pre_deployment.db.gz'), gzipSync(readFileSync(folded)));
  await liveOn(file.path, 300, 8);
  const server = await startServer(file.environment);
  // Somebody reads meanwhile: what is deployed stays in the write-ahead log, however long the writes take.
  const reader = Database.open({ path: file.path, readonly: true });
  reader.exec('BEGIN');
  reader.one(sql`SELECT count(*) AS count FROM audit`);
  const headers = { 'content-type': 'application/json' };
  for (let n = 0; n < 400; n++) {
    const body = JSON.stringify({ value: { text: `deployed ${n} `.repeat(20) } });
    const answer = await fetch(`${server.url}/v1/memories/app:deployed:${n % 7}/k${n}`, {
      method: 'PUT',
      headers,
      body,
    });
    expect(answer.status).toBe(201);
  }
  await server.kill();
  reader.close();
  return { ...file, good: JSON.parse(taken.out) as ListedBackup, shelf: file.environment['ABATHUR_BACKUP_DIR']! };
}

describe('abathur rollback', () => {
  let original: Failed;
  let file: Failed;
  beforeAll(async () => {
    original = await failedDeployment();
  }, 120_000);
  beforeEach(() => {
    const directory = temporaryDirectory();
    cpSync(original.directory, directory, { recursive: true });
    const [path, shelf] = [join(directory, 'abathur.db'), join(directory, 'backups')];
    file = { ...original, directory, path, shelf, environment: { ABATHUR_DB_PATH: path, ABATHUR_BACKUP_DIR: shelf } };
  });
  const rollback = (...args: string[]): Promise<Ended> => abathur(['rollback', ...args], file.environment);
  const backups = (): string[] =>
    readdirSync(file.shelf)
      .filter((name) => !name.startsWith('.'))
      .toSorted();

  it('the five steps that are usually written down corrupt the database, and lose what the write-ahead log held', () => {
    const forensic = join(file.directory, 'failed_deployment.db');
    // 1: the services are stopped: this one was killed, as one is that does not stop. 2 and 3, to the letter:
    const seed = spawnSync('bash', ['-c', `cp "$DB" "$FORENSIC" && gunzip -c "$BACKUP" > "$DB"`], {
      env: {
        DB: file.path,
        FORENSIC: forensic,
        BACKUP: join(file.directory, 'abathur_pre_deployment.db.gz'),
        PATH: process.env['PATH'],
      },
    });
    expect(seed.status).toBe(0);
    expect(statSync(`${file.path}-wal`).size).toBeGreaterThan(100_000);
    // What was kept for the forensics lacks what was in the write-ahead log: all that was deployed.
    expect(seenIn(forensic).last).not.toContain('deployed 399');
    // 4: PRAGMA integrity_check; PRAGMA foreign_key_check. SQLite has replayed the old write-ahead log into the new file.
    const { flaws, last, entries } = seenIn(file.path);
    expect(flaws.filter((flaw) => flaw !== 'ok').length).toBeGreaterThan(0);
    expect(entries === file.good.position && !last.includes('deployed')).toBe(false);
    // The same backup with the files of the old database out of the way is sound: they are what does the damage.
    for (const suffix of ['-wal', '-shm']) rmSync(file.path + suffix, { force: true });
    writeFileSync(file.path, gunzipSync(readFileSync(join(file.directory, 'abathur_pre_deployment.db.gz'))));
    expect(seenIn(file.path)).toMatchObject({ flaws: ['ok'], entries: file.good.position });
  });

  it('R-O4 backs up what is there, puts the last good backup in its place, and verifies it', async () => {
    const { code, out } = await rollback('--yes', '--json');
    expect(code).toBe(0);
    const rolled = JSON.parse(out) as { safety_backup: string; aside: string; log: { position: number } };
    expect(rolled).toMatchObject({ rolled_back: true, backup: file.good.id, log: { position: file.good.position } });
    expect(existsSync(`${file.path}-wal`)).toBe(false);
    expect(inspect(file.path)).toMatchObject({ head: file.good.position, integrity: 'ok', holes: [], differences: [] });
    // Nothing that was answered is gone: it is in the safety backup, and in the files that were moved aside.
    const into = join(file.directory, 'safety.db');
    expect((await abathur(['restore', rolled.safety_backup, '--into', into, '--yes'], file.environment)).code).toBe(0);
    for (const path of [into, join(rolled.aside, 'old.db')]) {
      const last = [...inspect(path).events.values()].at(-1);
      expect(last?.data).toContain('deployed 399');
    }
    const server = await startServer(file.environment);
    expect(await server.stop()).toBe(0);
  });

  it('R-O9 tells each step', async () => {
    const { err, out } = await rollback('--yes');
    expect(err.match(/^\d\. .*$/gm)).toHaveLength(5);
    expect(err).toMatch(/Lost: [\d,]+ later entries/);
    expect(out).toContain('abathur audit keys --renew begins a new identity; tell the auditors.');
    expect(out).toMatch(/^Rolled back in [\d.]+ s to \S+: [\d,]+ entries, head [0-9a-f]{64}\.$/m);
  });

  it('--dry-run does everything but that', async () => {
    const before = ['', '-wal'].map((suffix) => digestOf(file.path + suffix));
    const there = backups();
    const { code, out, err } = await rollback('--dry-run');
    expect(code).toBe(0);
    expect(out).toBe('Nothing was changed: this was a dry run.\n');
    expect(err).toMatch(/Lost: [\d,]+ later entries/);
    expect(['', '-wal'].map((suffix) => digestOf(file.path + suffix))).toEqual(before);
    expect(backups()).toEqual(there);
    expect(readdirSync(file.directory)).not.toContain('abathur.db.restore');
  });

  it('passes over backups that are not good, and says why', async () => {
    const newer = join(file.shelf, '9999-newer');
    cpSync(join(file.shelf, file.good.id), newer, { recursive: true });
    const manifest = JSON.parse(readFileSync(join(newer, 'manifest.json'), 'utf8')) as Manifest;
    writeFileSync(join(newer, 'manifest.json'), JSON.stringify({ ...manifest, id: '9999-newer' }));
    truncateSync(join(newer, manifest.packed.file), 100);
    const { code, out } = await rollback('--yes', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ backup: file.good.id, passed_over: [{ id: '9999-newer' }] });
  });

  it('of a database that is broken, keeps its files as they are', async () => {
    const broken = readFileSync(file.path);
    broken.fill(0x55, 8192, 40_960);
    writeFileSync(file.path, broken);
    const before = digestOf(file.path);
    const { code, out } = await rollback('--yes', '--json');
    expect(code).toBe(0);
    const rolled = JSON.parse(out) as { aside: string; safety_reason: string };
    expect(rolled).toMatchObject({ safety_backup: null, safety_reason: expect.stringContaining('is not sound') });
    expect(digestOf(join(rolled.aside, 'old.db'))).toBe(before);
    expect(existsSync(join(rolled.aside, 'old.db-wal'))).toBe(true);
    expect(inspect(file.path)).toMatchObject({ head: file.good.position, integrity: 'ok', differences: [] });
  });

  it('is refused while a server runs', async () => {
    const server = await startServer(file.environment);
    const { code, err } = await rollback('--yes');
    await server.stop();
    expect(code).toBe(69);
    expect(err).toContain('is in use: a running program has it open.');
  });

  it('is refused without a good backup, and without a yes', async () => {
    const { code, err } = await abathur(['rollback', '--yes'], {
      ...file.environment,
      ABATHUR_BACKUP_DIR: temporaryDirectory(),
    });
    expect({ code, err }).toMatchObject({ code: 66, err: expect.stringContaining('There is no good backup (of 0).') });
    expect((await rollback()).code).toBe(64);
  });
});

/** What somebody sees who opens a file; a file that cannot be read has that for its flaw. */
function seenIn(path: string): { flaws: string[]; entries: number; last: string } {
  let db: Database;
  try {
    db = Database.open({ path, synchronous: 'NORMAL' });
  } catch (error) {
    return { flaws: [(error as Error).message], entries: -1, last: '' };
  }
  const ask = <T>(text: string, otherwise: T, read: (rows: Record<string, unknown>[]) => T): T => {
    try {
      return read(db.all({ text, params: [] }));
    } catch {
      return otherwise;
    }
  };
  try {
    return {
      flaws: ask('PRAGMA integrity_check', ['it cannot be checked'], (rows) =>
        rows.flatMap((row) => Object.values(row).map(String)),
      ),
      entries: ask('SELECT count(*) AS entries FROM audit', -1, ([row]) => Number(row!['entries'])),
      last: ask('SELECT data FROM audit ORDER BY position DESC LIMIT 3', '', (rows) => JSON.stringify(rows)),
    };
  } finally {
    db.close();
  }
}
