import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { ListedBackup, Manifest } from '#backup';
import { FileLock } from '#storage';
import { abathur, abathurUnder, type Ended } from '../support/cli.js';
import { inspect } from '../support/inspect.js';
import { livedFile, liveOn, type LivedFile } from '../support/lived-file.js';
import { startServer, temporaryDirectory } from '../support/server.js';

const shelfOf = (file: LivedFile): string => file.environment['ABATHUR_BACKUP_DIR']!;
const manifestOf = (directory: string): Manifest =>
  JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')) as Manifest;
/** What is in a directory beside locks. */
const entries = (directory: string): string[] => readdirSync(directory).filter((name) => !/lock/.test(name));

describe('abathur backup', () => {
  let file: LivedFile;
  beforeAll(async () => {
    file = await livedFile(300);
  });
  const run = (...args: string[]): Promise<Ended> => abathur(['backup', ...args], file.environment);

  it('R-O4 tells in its manifest what is in the copy', async () => {
    const { code, out, err } = await run('--json');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const taken = JSON.parse(out) as ListedBackup & { directory: string };
    const { head } = inspect(file.path);
    const manifest = manifestOf(taken.directory);
    expect(manifest).toMatchObject({ format: 1, reason: 'manual', log: { position: head }, program_version: '0.1.0' });
    const packed = readFileSync(join(taken.directory, manifest.packed.file));
    const sum = spawnSync('sha256sum', [join(taken.directory, manifest.packed.file)], { encoding: 'utf8' });
    expect(sum.stdout.split(' ')[0]).toBe(manifest.packed.sha256);
    expect(packed.length).toBe(manifest.packed.size);
    expect(manifest.packed.size).toBeLessThan(manifest.database.size / 2);
    expect(entries(shelfOf(file))).toEqual([manifest.id]);
  });

  it('R-O9 says which file it reads, and shows what it made as a table', async () => {
    const { code, out, err } = await run();
    expect(code).toBe(0);
    expect(err).toBe(`Backing up the file ${file.path} into ${shelfOf(file)}.\n`);
    expect(out).toMatch(
      /^backup +why +entries +database +packed +took\n\S+Z +manual +[\d,]+ +[\d.]+ [KM]B +[\d.]+ [KM]B +[\d.]+ s\n$/,
    );
  });

  it('list shows the newest first, and names what cannot be read', async () => {
    mkdirSync(join(shelfOf(file), 'photos'));
    const { code, out } = await run('list', '--json');
    expect(code).toBe(0);
    const { backups, unreadable } = JSON.parse(out) as { backups: ListedBackup[]; unreadable: string[] };
    expect(backups.map(({ id }) => id)).toEqual(
      backups
        .map(({ id }) => id)
        .toSorted()
        .toReversed(),
    );
    expect(backups).toHaveLength(2);
    expect(unreadable).toEqual(['photos']);
  });

  it('list of an empty place is an honest no', async () => {
    const { code, out } = await run('list', '--out', temporaryDirectory());
    expect(code).toBe(1);
    expect(out).toMatch(/^There is no backup in /);
  });

  it('--out puts it elsewhere', async () => {
    const elsewhere = join(temporaryDirectory(), 'a', 'b');
    expect((await run('--out', elsewhere)).code).toBe(0);
    expect(entries(elsewhere)).toHaveLength(1);
  });

  it('R-O4 removes what is older than it has to be kept, but never the newest good one', async () => {
    const place = join(temporaryDirectory(), 'backups');
    for (let n = 0; n < 3; n++) expect((await run('--out', place)).code).toBe(0);
    const [oldest, old, newest] = entries(place).toSorted();
    for (const id of [oldest!, old!]) age(join(place, id), 40);
    const { out } = await abathur(['backup', '--out', place, '--json'], file.environment);
    const { id, removed } = JSON.parse(out) as { id: string; removed: string[] };
    expect(removed.toSorted()).toEqual([oldest, old]);
    expect(entries(place).toSorted()).toEqual([newest, id]);
    for (const kept of entries(place)) age(join(place, kept), 99);
    const again = JSON.parse((await abathur(['backup', '--out', place, '--json'], file.environment)).out) as {
      id: string;
    };
    expect(entries(place)).toEqual([again.id]);
  });

  it('two at once: the second one is refused, and the first one is not disturbed', async () => {
    const place = temporaryDirectory();
    const lock = FileLock.alone(join(place, '.lock'))!;
    const { code, err } = await run('--out', place);
    lock.release();
    expect(code).toBe(65);
    expect(err).toMatch(/Another backup into .* is being made\.\n {2}Wait until it is there/);
    expect((await run('--out', place)).code).toBe(0);
  });

  it('what a killed one has left behind is removed by the next one', async () => {
    const place = temporaryDirectory();
    const left = join(place, '.unfinished-2026-01-01T00-00-00-000Z');
    mkdirSync(left);
    writeFileSync(join(left, 'copy.db'), 'half');
    utimesSync(left, 0, 0);
    expect((await run('--out', place)).code).toBe(0);
    expect(existsSync(left)).toBe(false);
    expect((await run('list', '--out', place)).code).toBe(0);
  });

  it('R-O9 Ctrl-C in the middle leaves nothing', async () => {
    const place = temporaryDirectory();
    const { code, err } = await abathur(['backup', '--out', place], file.environment, async (child) => {
      while (!readdirSync(place).some((name) => name.startsWith('.unfinished'))) await pause(2);
      child.kill('SIGINT');
    });
    expect(err).toMatch(/Stopped before the end\.\n {2}Nothing of it was kept\./);
    expect(code).toBe(130);
    expect(entries(place)).toEqual([]);
  });

  describe('with what cannot work', () => {
    it('a place that cannot be written to', async () => {
      const { code, err } = await run('--out', join(file.path, 'backups'));
      expect(code).toBe(78);
      expect(err).toMatch(/cannot be written to \(ENOTDIR\)\.\n {2}Set ABATHUR_BACKUP_DIR/);
    });

    it('a file that is not there', async () => {
      const { code, err } = await abathur(['backup'], { ...file.environment, ABATHUR_DB_PATH: '/nowhere/abathur.db' });
      expect({ code, err }).toMatchObject({
        code: 66,
        err: expect.stringContaining('There is no database at /nowhere/abathur.db.'),
      });
    });

    it('a file that is no database', async () => {
      const path = join(temporaryDirectory(), 'abathur.db');
      writeFileSync(path, 'This is a letter, not a database. '.repeat(1000));
      const place = temporaryDirectory();
      const { code, err } = await abathur(['backup', '--out', place], { ABATHUR_DB_PATH: path });
      expect(code).toBe(69);
      expect(err).toMatch(/is not a usable SQLite database/);
      expect(entries(place)).toEqual([]);
    });

    it('a disk that becomes full: nothing is kept, and what was there before stays', async () => {
      const place = temporaryDirectory();
      expect((await run('--out', place)).code).toBe(0);
      const before = entries(place);
      // Files of at most 100 KB: the copy does not fit. The signal is ignored, as services do.
      const { code, err } = await abathurUnder(
        `trap '' XFSZ; ulimit -f 100`,
        ['backup', '--out', place],
        file.environment,
      );
      expect(err).toMatch(/The disk became full while the backup into .* was made\.\n {2}Nothing of it was kept\./);
      expect(code).toBe(69);
      expect(entries(place)).toEqual(before);
      expect(inspect(file.path).integrity).toBe('ok');
    });
  });

  it('R-O4 is one moment of a database that is being written to', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'abathur.db');
    await liveOn(path, 200, 3);
    const server = await startServer({ ABATHUR_DB_PATH: path });
    const stopWriting = new AbortController();
    let answered = 0;
    const write = async (lane: number): Promise<void> => {
      for (let n = 0; !stopWriting.signal.aborted; n++) {
        const body = JSON.stringify({ value: { lane, n } });
        const headers = { 'content-type': 'application/json' };
        const answer = await fetch(`${server.url}/v1/memories/app:lane${lane}/k${n}`, { method: 'PUT', headers, body });
        expect(answer.status).toBe(201);
        answered += 1;
      }
    };
    const lanes = [0, 1, 2, 3].map(write);
    const taken = [];
    for (let n = 0; n < 3; n++) {
      const { code, out, err } = await abathur(['backup', '--json'], {
        ABATHUR_DB_PATH: path,
        ABATHUR_BACKUP_DIR: join(directory, 'backups'),
      });
      expect({ code, err }).toEqual({ code: 0, err: '' });
      taken.push(JSON.parse(out) as ListedBackup);
    }
    stopWriting.abort();
    await Promise.all(lanes);
    expect(answered).toBeGreaterThan(0);
    const { body } = await listed(server.url);
    expect(body.items.map(({ id }) => id)).toEqual(taken.map(({ id }) => id).toReversed());
    await server.stop();
    expect(taken[2]!.position).toBeGreaterThan(taken[0]!.position);
    for (const { id, position } of taken) {
      const into = join(directory, `${id}.db`);
      const environment = { ABATHUR_DB_PATH: path, ABATHUR_BACKUP_DIR: join(directory, 'backups') };
      expect((await abathur(['restore', id, '--into', into, '--yes'], environment)).code).toBe(0);
      expect(inspect(into)).toMatchObject({ head: position, holes: [], integrity: 'ok', differences: [] });
    }
  }, 120_000);
});

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function listed(url: string): Promise<{ body: { items: ListedBackup[] } }> {
  const answer = await fetch(`${url}/v1/admin/backups`);
  return { body: (await answer.json()) as { items: ListedBackup[] } };
}

/** Makes a backup so many days older than it is. */
function age(directory: string, days: number): void {
  const manifest = manifestOf(directory);
  const created_at = new Date(Date.parse(manifest.created_at) - days * 24 * 3600 * 1000).toISOString();
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify({ ...manifest, created_at }));
}
