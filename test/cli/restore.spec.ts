import { copyFileSync, cpSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ListedBackup, Manifest, Restored } from '#backup';
import { Database, sql } from '#storage';
import { abathur, abathurUnder, type Ended } from '../support/cli.js';
import { digestOf } from '../support/digest.js';
import { inspect } from '../support/inspect.js';
import { livedFile, liveOn, type LivedFile } from '../support/lived-file.js';
import { startServer, temporaryDirectory } from '../support/server.js';

interface BackedUp extends LivedFile {
  backup: string;
  shelf: string;
  /** The last entry in the backup. */
  position: number;
}

/** A database of which there is a backup, and which has lived on since. */
async function backedUp(): Promise<BackedUp> {
  const file = await livedFile(200);
  const taken = await abathur(['backup', '--json'], file.environment);
  const { id, position } = JSON.parse(taken.out) as ListedBackup;
  await liveOn(file.path, 60, 8);
  return { ...file, backup: id, position, shelf: file.environment['ABATHUR_BACKUP_DIR']! };
}

/** What is said where the log that is put back does not go on where the other one was signed. */
const IDENTITY = 'abathur audit keys --renew begins a new identity; tell the auditors.';

/** A copy of one, for a spec of its own. */
function again(original: BackedUp): BackedUp {
  const directory = temporaryDirectory();
  cpSync(original.directory, directory, { recursive: true });
  const [path, shelf] = [join(directory, 'abathur.db'), join(directory, 'backups')];
  return { ...original, directory, path, shelf, environment: { ABATHUR_DB_PATH: path, ABATHUR_BACKUP_DIR: shelf } };
}

describe('abathur restore', () => {
  let original: BackedUp;
  let file: BackedUp;
  beforeAll(async () => {
    original = await backedUp();
  }, 60_000);
  beforeEach(() => {
    file = again(original);
  });
  const restore = (...args: string[]): Promise<Ended> => abathur(['restore', ...args], file.environment);
  const manifestPath = (): string => join(file.shelf, file.backup, 'manifest.json');
  const manifest = (): Manifest => JSON.parse(readFileSync(manifestPath(), 'utf8')) as Manifest;
  const packed = (): string => join(file.shelf, file.backup, manifest().packed.file);
  const bytes = (): string => digestOf(file.path);
  const beside = (): string[] =>
    readdirSync(file.directory)
      .filter((name) => !name.endsWith('-lock'))
      .toSorted();

  it('R-O4 puts the backup in the place of the database, keeps the old one, and says what is lost', async () => {
    const old = inspect(file.path);
    const { code, out, err } = await restore('latest', '--yes');
    expect(code).toBe(0);
    const lost = old.head - file.position;
    expect(err).toContain(`Lost: ${lost} later entries, ${file.position + 1} to ${old.head}, from 2026-`);
    expect(err).toMatch(/^ {4}MemoryWritten \d+$/m);
    expect(out).toMatch(
      new RegExp(`is restored: ${file.position} entries, head [0-9a-f]{64}\\.\nThe old database is kept in `),
    );
    expect(inspect(file.path)).toMatchObject({ head: file.position, integrity: 'ok', differences: [] });
    // Heads that were signed of the lost entries do not go on with what is there now.
    expect(out).toContain(IDENTITY);
    const aside = /kept in (.*)\.$/m.exec(out)![1]!;
    expect(inspect(join(aside, 'old.db'))).toMatchObject({ head: old.head, integrity: 'ok', differences: [] });
  });

  it('takes the write-ahead log aside with the file that it belongs to', async () => {
    const server = await startServer({ ABATHUR_DB_PATH: file.path });
    const put = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"value": {"late": true}}' };
    expect((await fetch(`${server.url}/v1/memories/app:late/k`, put)).status).toBe(201);
    await server.kill();
    expect(existsSync(`${file.path}-wal`)).toBe(true);
    const { out } = await restore(file.backup, '--yes', '--json');
    const { aside } = JSON.parse(out) as Restored;
    expect(beside()).not.toContain('abathur.db-wal');
    const late = [...inspect(join(aside!, 'old.db')).events.values()].at(-1);
    expect(late?.data).toContain('"late":true');
    expect(inspect(file.path)).toMatchObject({ head: file.position, integrity: 'ok', differences: [] });
  });

  it('without a terminal asks nobody, and does nothing without --yes', async () => {
    const before = bytes();
    const { code, err } = await restore('latest');
    expect({ code, err }).toMatchObject({ code: 64, err: expect.stringContaining('Say --yes.') });
    expect(bytes()).toEqual(before);
  });

  it('R-O4 refuses a database that a server has open', async () => {
    const server = await startServer({ ABATHUR_DB_PATH: file.path });
    const { code, err } = await restore('latest', '--yes');
    expect(code).toBe(69);
    expect(err).toMatch(/is in use: a running program has it open\.\n {2}Stop the server/);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    expect(await server.stop()).toBe(0);
    expect((await restore('latest', '--yes')).code).toBe(0);
  });

  it('refuses a database that any other program has open', async () => {
    const other = Database.open({ path: file.path, readonly: true });
    other.one(sql`SELECT count(*) FROM audit`);
    const { code, err } = await restore('latest', '--yes');
    other.close();
    expect(code).toBe(69);
    expect(err).toContain('is in use');
  });

  it('--into another file leaves the database alone', async () => {
    const before = bytes();
    const into = join(temporaryDirectory(), 'deep', 'copy.db');
    const { code, out } = await restore('latest', '--into', into, '--yes');
    expect(code).toBe(0);
    expect(out).not.toContain('kept in');
    expect(out).not.toContain(IDENTITY);
    expect(inspect(into)).toMatchObject({ head: file.position, differences: [] });
    expect(bytes()).toEqual(before);
    expect(readdirSync(join(into, '..')).filter((name) => !name.endsWith('-lock'))).toEqual(
      expect.not.arrayContaining([expect.stringMatching(/restore|swap|before/)]),
    );
  });

  it('latest is not one that was taken of a database about to be replaced', async () => {
    const safety = join(file.shelf, '9999-safety');
    cpSync(join(file.shelf, file.backup), safety, { recursive: true });
    writeFileSync(
      join(safety, 'manifest.json'),
      JSON.stringify({ ...manifest(), id: '9999-safety', reason: 'safety' }),
    );
    const { out } = await restore('latest', '--yes', '--json');
    expect(JSON.parse(out)).toMatchObject({ backup: file.backup });
  });

  describe('refuses, with nothing changed,', () => {
    const refused = async (code: number, says: RegExp, ...args: string[]): Promise<void> => {
      const [before, names] = [bytes(), beside()];
      const ended = await restore(...args, '--yes');
      expect(ended.err).toMatch(says);
      expect(ended.code).toBe(code);
      expect(bytes()).toEqual(before);
      expect(beside()).toEqual(names);
    };

    it('a backup that was cut short', async () => {
      truncateSync(packed(), 1000);
      await refused(65, /cannot be unpacked|is 1000 bytes, but the manifest says/, 'latest');
    });

    it('a backup with one byte changed', async () => {
      const content = readFileSync(packed());
      content[content.length >> 1]! ^= 1;
      writeFileSync(packed(), content);
      await refused(65, /cannot be unpacked|has the checksum .* but the manifest says/, 'latest');
    });

    it('a checksum that is another one', async () => {
      const wrong = { ...manifest(), packed: { ...manifest().packed, sha256: 'f'.repeat(64) } };
      writeFileSync(manifestPath(), JSON.stringify(wrong));
      await refused(65, /has the checksum .*, but the manifest says f{64}\.\n {2}Nothing was changed\./, 'latest');
    });

    it('a manifest that says another log', async () => {
      const wrong = { ...manifest(), log: { ...manifest().log, entry_hash: '0'.repeat(64) } };
      writeFileSync(manifestPath(), JSON.stringify(wrong));
      await refused(65, /The log of the backup ends with .* but the manifest says/, 'latest');
    });

    it('a backup of a newer schema', async () => {
      writeFileSync(manifestPath(), JSON.stringify({ ...manifest(), schema_version: 9999 }));
      await refused(
        69,
        /The backup has schema 9999, this program knows \d+\.\n {2}Restore it with the program/,
        'latest',
      );
    });

    it('a file that is no database', async () => {
      const letter = join(temporaryDirectory(), 'letter.db');
      writeFileSync(letter, 'This is a letter. '.repeat(1000));
      const other = await abathur(['restore', letter, '--yes'], file.environment);
      expect(other.code).toBe(65);
      expect(other.err).toMatch(/manifest\.json cannot be read/);
    });

    it('a manifest that is no JSON, as a backup by its path', async () => {
      writeFileSync(manifestPath(), '{');
      await refused(65, /manifest\.json cannot be read/, join(file.shelf, file.backup));
    });

    it('a name that there is none of', async () => {
      await refused(
        66,
        /There is no backup yesterday in .*\n {2}See which there are: abathur backup list\./,
        'yesterday',
      );
    });

    it('a position beyond the end of the backup', async () => {
      await refused(
        65,
        /the log of this backup goes from 1 to \d+, not to 999999/,
        'latest',
        '--to-position',
        '999999',
      );
    });

    it('a time after the end of the backup, and one before its beginning', async () => {
      await refused(
        65,
        /the log of this backup ends at .*, before 2030-/,
        'latest',
        '--to-time',
        '2030-01-01T00:00:00Z',
      );
      await refused(65, /the log of this backup begins after 2020-/, 'latest', '--to-time', '2020-01-01T00:00:00Z');
    });

    it('a disk that becomes full', async () => {
      const [before, names] = [bytes(), beside()];
      const { code, err } = await abathurUnder(
        `trap '' XFSZ; ulimit -f 100`,
        ['restore', 'latest', '--yes'],
        file.environment,
      );
      expect({ code, err }).toMatchObject({ code: 69, err: expect.stringContaining('The disk became full') });
      expect(bytes()).toEqual(before);
      expect(beside()).toEqual(names);
    });
  });

  it('a time without a zone, and both limits of the past, are errors of usage', async () => {
    expect((await restore('latest', '--to-time', '2026-01-01', '--yes')).code).toBe(64);
    expect((await restore('latest', '--to-time', '2026-01-01T00:00:00Z', '--to-position', '3', '--yes')).code).toBe(64);
  });

  it('over a database that cannot be read any more, keeps it and says so', async () => {
    writeFileSync(file.path, 'Everything is gone. '.repeat(500));
    const { code, err } = await restore('latest', '--yes');
    expect(err).toContain('The database there cannot be read');
    expect(code).toBe(0);
    expect(inspect(file.path)).toMatchObject({ head: file.position, differences: [] });
  });

  it('of a history that is another one, says so', async () => {
    const stranger = await livedFile(200, 99);
    copyFileSync(stranger.path, file.path);
    const { err } = await restore('latest', '--yes');
    expect(err).toContain('has another history');
  });

  it('a server starts on what was restored, and goes on from there', async () => {
    expect((await restore('latest', '--yes')).code).toBe(0);
    const server = await startServer({ ABATHUR_DB_PATH: file.path });
    const put = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"value": {"n": 1}}' };
    const answer = await fetch(`${server.url}/v1/memories/app:after/k`, put);
    expect(answer.headers.get('x-position')).toBe(String(file.position + 1));
    await server.stop();
    expect(inspect(file.path)).toMatchObject({ integrity: 'ok', differences: [] });
  });

  it.each([...Array(12).keys()])('killed at any moment (%i), it is the old database or the new one', async (n) => {
    const old = inspect(file.path).head;
    const ended = await abathur(['restore', 'latest', '--yes'], file.environment, async (child) => {
      await new Promise((resolve) => setTimeout(resolve, 150 + n * 90));
      child.kill('SIGKILL');
    });
    expect([0, null]).toContain(ended.code);
    const { head, ...rest } = inspect(file.path);
    expect([old, file.position]).toContain(head);
    expect(rest).toMatchObject({ holes: [], integrity: 'ok', differences: [] });
    expect((await restore('latest', '--yes')).code).toBe(0);
    expect(inspect(file.path).head).toBe(file.position);
  });
});
