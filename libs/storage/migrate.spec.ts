import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { MIGRATIONS } from '../../test/support/house.js';
import { schema as tables } from '../../test/support/schema.js';
import { temporaryDirectory } from '../../test/support/server.js';
import { Database } from './database.js';
import { migrate, readMigrations } from './migrate.js';
import { sql } from './sql.js';

describe('R-S7 Migrations', () => {
  let directory: string;
  let db: Database;
  beforeEach(() => {
    directory = join(temporaryDirectory(), 'migrations');
    cpSync(MIGRATIONS, directory, { recursive: true });
    db = Database.open({ path: join(temporaryDirectory(), 'abathur.db'), synchronous: 'NORMAL' });
  });

  const add = (name: string, script: string): void => writeFileSync(join(directory, name), script);
  const names = (): string[] => readMigrations(directory).map(({ name }) => name);
  const next = (): string => String(readMigrations(directory).at(-1)!.version + 1).padStart(4, '0');
  const apply = (): string[] => migrate(db, readMigrations(directory));
  const schema = (): unknown[] => db.all(sql`SELECT type, name, sql FROM sqlite_schema ORDER BY name`);

  it('are applied in order, once', () => {
    expect(apply()).toEqual(names());
    const before = schema();
    expect(apply()).toEqual([]);
    expect(schema()).toEqual(before);
    expect(db.all(sql`SELECT version, name FROM schema_migrations ORDER BY version`)).toEqual(
      names().map((name) => ({ version: Number.parseInt(name, 10), name })),
    );
  });

  it('go on from where the database is', () => {
    apply();
    add(`${next()}_more.sql`, 'CREATE TABLE more (id INTEGER PRIMARY KEY)');
    expect(apply()).toEqual([names().at(-1)]);
    expect(db.all(sql`SELECT * FROM more`)).toEqual([]);
  });

  it('may come late: one whose number was left out is applied when it is there', () => {
    add('7777_after.sql', 'CREATE TABLE after (id INTEGER PRIMARY KEY)');
    apply();
    add('7000_late.sql', 'CREATE TABLE late (id INTEGER PRIMARY KEY)');
    expect(apply()).toEqual(['7000_late.sql']);
    expect(apply()).toEqual([]);
  });

  it('happen all or none', () => {
    add(`${next()}_good.sql`, 'CREATE TABLE good (id INTEGER PRIMARY KEY)');
    add(`${next()}_bad.sql`, 'CREATE TABLE half (id INTEGER PRIMARY KEY); SELECT * FROM nowhere');
    expect(apply).toThrow('no such table: nowhere');
    expect(schema()).toEqual([]);
  });

  it('leave a database as it was that they could not bring further', () => {
    apply();
    const before = schema();
    add(`${next()}_bad.sql`, 'CREATE TABLE half (id INTEGER PRIMARY KEY); nonsense');
    expect(apply).toThrow('near "nonsense"');
    expect(schema()).toEqual(before);
  });

  it('are refused when a file has changed since it was applied', () => {
    apply();
    add('0002_sessions.sql', '-- nothing here any more');
    expect(apply).toThrow(
      expect.objectContaining({
        kind: 'unavailable',
        code: 'migration-changed',
        message: expect.stringContaining('0002_sessions.sql'),
      }),
    );
  });

  it('are refused when the database is newer than the program', () => {
    add(`${next()}_future.sql`, 'CREATE TABLE future (id INTEGER PRIMARY KEY)');
    const future = names().at(-1)!;
    apply();
    rmSync(join(directory, future));
    expect(apply).toThrow(
      expect.objectContaining({
        kind: 'unavailable',
        code: 'database-too-new',
        message: expect.stringContaining(future),
      }),
    );
  });

  it.each([
    ['have a number twice', '0001_again.sql'],
    ['have no number', 'unnumbered.sql'],
  ])('are refused when they %s', (_, name) => {
    add(name, 'SELECT 1');
    expect(() => readMigrations(directory)).toThrow('Migrations are numbered one after the other');
  });

  it('are only the files that end in .sql', () => {
    add('README.md', 'Numbered, forward only.');
    expect(names()).toEqual(names().filter((name) => name.endsWith('.sql')));
  });

  it('wait for another process that is at it, and then find nothing to do', () => {
    const other = Database.open({ path: db.path, synchronous: 'NORMAL' });
    expect(apply()).not.toEqual([]);
    expect(migrate(other, readMigrations(directory))).toEqual([]);
    other.close();
  });

  it('R-S6 leave a schema that is strict, with keys of its own and JSON that is JSON', () => {
    apply();
    const strictness = db.all<{ name: string; strict: number }>(
      sql`SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND schema = 'main'`,
    );
    const made = new Set(tables(db).map(({ name }) => name));
    for (const { name, strict } of strictness.filter((table) => made.has(table.name))) {
      const columns = db.all<{ name: string; type: string; pk: number }>(
        sql`SELECT name, type, pk FROM pragma_table_info(${name})`,
      );
      expect({ name, strict, keys: columns.filter(({ pk }) => pk > 0).map(({ type }) => type) }).toEqual({
        name,
        strict: 1,
        keys: ['INTEGER'],
      });
    }
    expect(() =>
      db.exec(`INSERT INTO metrics (name, labels, timestamp, value) VALUES ('m', 'not JSON', '2026', 1)`),
    ).toThrow('CHECK constraint failed');
    expect(db.all(sql`PRAGMA foreign_key_check`)).toEqual([]);
  });
});
