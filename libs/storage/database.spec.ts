import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { migratedFile } from '../../test/support/audit-logs.js';
import { temporaryDirectory } from '../../test/support/server.js';
import { checkPragmas, Database, OLDEST_SQLITE, type DatabaseOptions } from './database.js';
import { and, join as joined, sql } from './sql.js';

describe('R-S2 A connection', () => {
  it.each<[string, Partial<DatabaseOptions>]>([
    ['of the writer', { synchronous: 'FULL' }],
    ['of the writer, with the setting of the seed', { synchronous: 'NORMAL' }],
    ['that nobody said anything about', {}],
    ['that only reads', { readonly: true, synchronous: 'FULL' }],
    ['that only reads, with the setting of the seed', { readonly: true, synchronous: 'NORMAL' }],
  ])('%s has the pragmas of the house', (_, options) => {
    const db = Database.open({ path: migratedFile(), ...options });
    const synchronous = options.synchronous ?? 'FULL';
    expect(checkPragmas(db, synchronous)).toEqual([
      { name: 'journal_mode', value: 'wal', ok: true },
      { name: 'foreign_keys', value: 1, ok: true },
      { name: 'recursive_triggers', value: 1, ok: true },
      { name: 'busy_timeout', value: 5000, ok: true },
      { name: 'wal_autocheckpoint', value: 1000, ok: true },
      { name: 'journal_size_limit', value: 67108864, ok: true },
      { name: 'cache_size', value: -64000, ok: true },
      { name: 'temp_store', value: 2, ok: true },
      { name: 'mmap_size', value: 268435456, ok: true },
      { name: 'synchronous', value: synchronous === 'FULL' ? 2 : 1, ok: true },
    ]);
    db.close();
  });

  it('tells which pragma is not as it should be', () => {
    const db = Database.open({ path: migratedFile() });
    db.pragma('foreign_keys = OFF');
    const wrong = checkPragmas(db, 'NORMAL').filter(({ ok }) => !ok);
    expect(wrong).toEqual([
      { name: 'foreign_keys', value: 0, ok: false },
      { name: 'synchronous', value: 2, ok: false },
    ]);
    db.close();
  });

  it('in memory has neither a journal to write ahead nor a file to map', () => {
    const db = Database.open({ path: ':memory:' });
    expect(checkPragmas(db, 'FULL').filter(({ ok }) => !ok)).toEqual([]);
    db.close();
  });

  it('that only reads cannot write, and does not make a file', () => {
    const path = migratedFile();
    const db = Database.open({ path, readonly: true });
    expect(() => db.run(sql`DELETE FROM commits`)).toThrow('readonly database');
    db.close();
    expect(() => Database.open({ path: `${path}.missing`, readonly: true })).toThrow(/cannot be opened/);
  });

  it('makes the directory of a new file', () => {
    const db = Database.open({ path: join(temporaryDirectory(), 'a', 'b', 'abathur.db') });
    expect(db.one(sql`SELECT 1 AS one`)).toEqual({ one: 1 });
    db.close();
  });

  it.each([
    ['a text', 'This is a diary, not a database.'.repeat(200)],
    ['a database whose beginning was overwritten', `SQLite format 3\0${'\0'.repeat(20_000)}`],
  ])('refuses %s in place of a database, and says what to do', (_, contents) => {
    const path = join(temporaryDirectory(), 'abathur.db');
    writeFileSync(path, contents);
    expect(() => Database.open({ path })).toThrow(
      expect.objectContaining({
        kind: 'unavailable',
        code: 'not-a-database',
        message: expect.stringContaining(path),
        details: { hint: expect.stringContaining('ABATHUR_DB_PATH') },
      }),
    );
  });

  it('runs on an SQLite that keeps a WAL database whole', () => {
    const db = Database.open({ path: ':memory:' });
    const { version } = db.one<{ version: string }>(sql`SELECT sqlite_version() AS version`)!;
    expect(version.localeCompare(OLDEST_SQLITE, 'en', { numeric: true })).toBeGreaterThanOrEqual(0);
    db.close();
  });
});

describe('A transaction', () => {
  const counting = (): Database => {
    const db = Database.open({ path: join(temporaryDirectory(), 'abathur.db'), synchronous: 'NORMAL' });
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
    return db;
  };
  const count = (db: Database): number => db.one<{ n: number }>(sql`SELECT count(*) AS n FROM t`)!.n;
  const insert = (db: Database): void => void db.run(sql`INSERT INTO t DEFAULT VALUES`);

  it('is kept when its work ends, and undone when it throws', () => {
    const db = counting();
    expect(
      db.transaction(() => {
        insert(db);
        return 'kept';
      }),
    ).toBe('kept');
    expect(() =>
      db.transaction(() => {
        insert(db);
        throw new Error('on purpose');
      }),
    ).toThrow('on purpose');
    expect([count(db), db.inTransaction]).toEqual([1, false]);
    db.close();
  });

  it('takes the write lock at once, so that what it reads stays true until it writes', () => {
    const db = counting();
    const other = Database.open({ path: db.path, synchronous: 'NORMAL' });
    other.pragma('busy_timeout = 1');
    db.transaction(() => {
      count(db);
      expect(() => insert(other)).toThrow('database is locked');
      insert(db);
    });
    insert(other);
    expect(count(db)).toBe(2);
    other.close();
    db.close();
  });

  it('is not seen by others before it is kept', () => {
    const db = counting();
    const other = Database.open({ path: db.path, readonly: true });
    db.transaction(() => {
      insert(db);
      expect(count(other)).toBe(0);
    });
    expect(count(other)).toBe(1);
    other.close();
    db.close();
  });
});

describe('SQL', () => {
  it('keeps values beside the text', () => {
    expect(sql`SELECT ${1} + ${'two'}`).toEqual({ text: 'SELECT +? + +?', params: [1, 'two'] });
  });

  it('takes SQL into SQL, with its values in their places', () => {
    const condition = sql`b = ${2}`;
    expect(sql`SELECT ${1} WHERE a = ${'a'} AND ${condition} LIMIT ${3}`).toEqual({
      text: 'SELECT +? WHERE a = +? AND b = +? LIMIT +?',
      params: [1, 'a', 2, 3],
    });
  });

  it('joins conditions, of which none is always true', () => {
    expect(and([sql`a = ${1}`, sql`b = ${2}`])).toEqual({ text: 'a = +? AND b = +?', params: [1, 2] });
    expect(and([])).toEqual({ text: '1', params: [] });
    expect(joined([], ' OR ', '0')).toEqual({ text: '0', params: [] });
  });

  it('keeps what was prepared in bounds, and yet answers everything', () => {
    const db = Database.open({ path: ':memory:' });
    for (let n = 0; n < 1200; n++) {
      expect(db.one({ text: `SELECT ${n} AS n`, params: [] })).toEqual({ n });
    }
    expect(db.one({ text: 'SELECT 0 AS n', params: [] })).toEqual({ n: 0 });
    db.close();
  });
});
