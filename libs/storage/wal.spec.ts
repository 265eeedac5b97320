import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Database, PRAGMAS } from './database.js';
import { sql } from './sql.js';
import { WalWatch, walNews, type WalNews } from './wal.js';

describe('The write-ahead log, as it is seen from outside', () => {
  let directory: string;
  let db: Database;
  let wal: WalWatch;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'abathur-'));
    db = Database.open({ path: join(directory, 'abathur.db'), synchronous: 'NORMAL' });
    db.exec('CREATE TABLE things (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT');
    wal = new WalWatch(db.path);
  });
  afterEach(() => {
    db.close();
    rmSync(directory, { recursive: true });
  });

  const THRESHOLD = PRAGMAS.wal_autocheckpoint;
  /** One commit of about so many pages, and what it did besides. */
  const commit = (pages: number): WalNews => {
    const before = wal.look()!;
    db.transaction(() => {
      for (let page = 0; page < pages; page++) db.run(sql`INSERT INTO things (text) VALUES (${'x'.repeat(4000)})`);
    });
    return walNews(before, wal.look()!, THRESHOLD);
  };

  it('grows with what is written, and is not folded before it has a thousand pages', () => {
    const before = wal.look()!;
    expect(commit(10)).toEqual({ resets: 0 });
    expect(wal.look()!.frames).toBeGreaterThanOrEqual(before.frames + 10);
    expect(wal.look()).toMatchObject({ folded: 0, round: before.round });
  });

  it('is folded by the commit with which it has a thousand pages, and begins anew with the next one', () => {
    expect(commit(THRESHOLD)).toEqual({ resets: 0, checkpoint: 'complete' });
    const { frames, folded, round } = wal.look()!;
    expect(folded).toBe(frames);
    expect(commit(1)).toEqual({ resets: 1 });
    expect(wal.look()!.frames).toBeLessThan(10);
    expect(wal.look()!.round).not.toBe(round);
  });

  it('is folded up to where somebody reads, and then no further', () => {
    commit(10);
    const reader = Database.open({ path: db.path, readonly: true });
    reader.exec('BEGIN');
    reader.one(sql`SELECT count(*) AS count FROM things`);
    expect(commit(THRESHOLD)).toEqual({ resets: 0, checkpoint: 'partial' });
    expect(commit(10)).toEqual({ resets: 0, checkpoint: 'blocked' });
    reader.exec('COMMIT');
    reader.close();
    expect(commit(1)).toEqual({ resets: 0, checkpoint: 'complete' });
  });

  it('gives back what it has grown to once it begins anew', () => {
    commit(Math.ceil((1.2 * PRAGMAS.journal_size_limit) / 4096));
    expect(statSync(`${db.path}-wal`).size).toBeGreaterThan(PRAGMAS.journal_size_limit);
    commit(1);
    expect(statSync(`${db.path}-wal`).size).toBeLessThanOrEqual(PRAGMAS.journal_size_limit);
  });

  it('tells nothing where there is none', () => {
    expect(new WalWatch(join(directory, 'nothing.db')).look()).toBeUndefined();
  });
});
