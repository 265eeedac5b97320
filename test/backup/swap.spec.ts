import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { Database, finishSwap, sql, stagingOf, swapIn } from '#storage';
import { temporaryDirectory } from '../support/server.js';

describe('R-O4 Killed between any two renames of a swap', () => {
  let path: string;
  beforeEach(() => {
    path = join(temporaryDirectory(), 'abathur.db');
    // The old one, as a killed program leaves it: what it says is in its write-ahead log alone.
    const living = join(temporaryDirectory(), 'living.db');
    const db = Database.open({ path: living });
    db.exec(`CREATE TABLE said (word TEXT) STRICT; PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO said VALUES ('old')`);
    for (const suffix of ['', '-wal', '-shm']) copyFileSync(living + suffix, path + suffix);
    db.close();
    const { directory, file } = stagingOf(path);
    mkdirSync(directory);
    const fresh = Database.open({ path: file });
    fresh.exec(`CREATE TABLE said (word TEXT) STRICT; INSERT INTO said VALUES ('new'); PRAGMA journal_mode = DELETE`);
    fresh.close();
  });

  const swap = (): string => `${path}.swap`;
  const renames = (): [string, string][] => [
    [stagingOf(path).directory, swap()],
    ...['-shm', '-wal', ''].map((suffix): [string, string] => [path + suffix, join(swap(), `old.db${suffix}`)]),
    [join(swap(), 'new.db'), path],
  ];
  const said = (file: string): string => {
    const db = Database.open({ path: file });
    try {
      return db.one<{ word: string }>(sql`SELECT word FROM said`)!.word;
    } finally {
      db.close();
    }
  };
  const aside = (): string | undefined => {
    const name = readdirSync(dirname(path)).find((one) => one.startsWith(`${basename(path)}.before-`));
    return name && join(dirname(path), name);
  };

  it('before the first of them, it is the old database', () => {
    expect(said(path)).toBe('old');
    expect(aside()).toBeUndefined();
  });

  it.each([1, 2, 3, 4, 5])(
    'after %i of them, whoever opens it next has the new one, and the old one is aside',
    (done) => {
      for (const [from, to] of renames().slice(0, done)) renameSync(from, to);
      expect(said(path)).toBe('new');
      expect(existsSync(swap())).toBe(false);
      expect(said(join(aside()!, 'old.db'))).toBe('old');
      expect(finishSwap(path)).toBeUndefined();
    },
  );

  it('these are the renames that it does', () => {
    const there = renames().map(([, to]) => basename(to));
    expect(said(join(swapIn(path), 'old.db'))).toBe('old');
    expect(said(path)).toBe('new');
    expect(there).toEqual(['abathur.db.swap', 'old.db-shm', 'old.db-wal', 'old.db', 'abathur.db']);
  });
});
