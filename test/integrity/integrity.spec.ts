import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Sqlite from 'better-sqlite3';
import * as sqliteVec from 'sqlite-vec';
import { checkIntegrity, CHECKS, type CheckResult, type IntegrityReport } from '#assembly';
import { sql } from '#storage';
import { flipBits } from '../support/bit-flips.js';
import { openFullHouse } from '../support/everything.js';
import { live } from '../support/history.js';
import { openTestHouse, type TestHouse } from '../support/house.js';
import { schema } from '../support/schema.js';
import { temporaryDirectory } from '../support/server.js';

const check = (path: string): IntegrityReport => checkIntegrity(path, () => undefined);

describe('R-S8 The integrity of a database', () => {
  let house: TestHouse;
  beforeAll(async () => {
    house = await openFullHouse();
  });
  afterAll(() => house.close());

  let copies = 0;
  /** A copy of the file with something done to it behind the program's back. */
  function tampered(...script: string[]): string {
    const path = join(temporaryDirectory(), `copy-${++copies}.db`);
    copyFileSync(house.path, path);
    const db = new Sqlite(path);
    sqliteVec.load(db);
    db.exec('PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON');
    const guards = db.prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'`).all() as {
      name: string;
      sql: string;
    }[];
    for (const { name } of guards) db.exec(`DROP TRIGGER ${name}`);
    for (const statement of script) db.exec(statement);
    for (const guard of guards) db.exec(guard.sql);
    db.close();
    return path;
  }
  const flawed = (report: IntegrityReport): CheckResult[] => report.checks.filter(({ ok }) => !ok);

  it('is whole where nobody has touched it, and each check has looked at something', () => {
    const report = check(house.path);
    expect(flawed(report)).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.checks.map(({ name }) => name).toSorted()).toEqual([...CHECKS].toSorted());
    // SQLite does not say how many references it has followed.
    const idle = report.checks.filter(({ checked }) => checked === 0).map(({ name }) => name);
    expect(idle).toEqual(['foreign-keys']);
    expect(report.position).toBe(house.db.one<{ head: number }>(sql`SELECT max(position) AS head FROM audit`)!.head);
  });

  it('is whole in a database that has seen nothing yet, and in one that is still catching up', async () => {
    const young = openTestHouse();
    expect(flawed(check(young.path))).toEqual([]);
    await live(young.log, 3, 200);
    expect(flawed(check(young.path))).toEqual([]);
    young.close();
  });

  it('is whole as of the moment when the check began, whatever is written meanwhile', async () => {
    const writing = live(house.log, 99, 50);
    const reports = [check(house.path)];
    await writing;
    reports.push(check(house.path));
    expect(reports.flatMap(flawed)).toEqual([]);
    expect(reports[1]!.position).toBeGreaterThan(reports[0]!.position);
    house.db.pragma('wal_checkpoint(TRUNCATE)');
  });

  it.each([
    [
      'tables',
      'a version changed',
      `UPDATE memory_entries SET value = '{}' WHERE id = (SELECT max(id) FROM memory_entries)`,
      /^memory_entries \d+$/,
      'differs in value',
      'abathur projections rebuild memories',
    ],
    [
      'tables',
      'a row lost',
      `DELETE FROM sessions WHERE id = (SELECT max(id) FROM sessions)`,
      /^sessions \d+$/,
      'missing',
      'abathur projections rebuild sessions',
    ],
    [
      'tables',
      'a row too many',
      `INSERT INTO memory_deletions (id, namespace, key) VALUES (999999, 'app:x', 'k')`,
      /^memory_deletions 999999$/,
      'not in the log',
      'abathur projections rebuild memories',
    ],
    [
      'tables',
      'an entry of another text',
      `UPDATE search_entries SET text_id = (SELECT max(id) FROM search_texts) WHERE id = (SELECT min(id) FROM search_entries)`,
      /^search_entries \d+$/,
      'differs in text_sha256',
      'abathur projections rebuild search',
    ],
    [
      'words',
      'words lost',
      `DELETE FROM memory_words WHERE rowid = (SELECT max(rowid) FROM memory_words)`,
      /^memory_words/,
      'missing',
      'abathur projections rebuild memory-words',
    ],
    [
      'words',
      'a word elsewhere',
      `DELETE FROM document_words WHERE rowid = (SELECT max(rowid) FROM document_words); INSERT INTO document_words (rowid, text, metadata) SELECT max(id), 'intruder', '' FROM document_chunks`,
      /^document_words/,
      '',
      'abathur projections rebuild documents',
    ],
    [
      'chain',
      'an entry changed',
      `UPDATE audit SET actor = 'nobody' WHERE position = 7`,
      /^audit 7$/,
      'the envelope was changed',
      'backup',
    ],
    ['chain', 'an entry lost', `DELETE FROM audit WHERE position = 9`, /^audit 9$/, 'the entry is missing', 'backup'],
    [
      'chain',
      'the end cut off',
      `DELETE FROM audit WHERE position > (SELECT max(position) - 3 FROM audit)`,
      /^audit \d+$/,
      'the entry is missing',
      'backup',
    ],
    [
      'chain',
      'a kept answer changed',
      `UPDATE commits SET answer = '{"position":1}' WHERE id = 1`,
      /^commits 1$/,
      'is not the answer that was kept',
      'day',
    ],
    [
      'chain',
      'a checkpoint ahead',
      `UPDATE projections SET updated_at = '2020-01-01T00:00:00.000Z' WHERE name = 'activity'`,
      /^projections activity$/,
      'has the time of another entry',
      'abathur projections rebuild activity',
    ],
    [
      'chain',
      'another past',
      `UPDATE schema_migrations SET checksum = 'x' WHERE version = 3`,
      /^schema_migrations$/,
      'does not list the migrations of this program',
      'backup',
    ],
    [
      'foreign-keys',
      'a chunk without a document',
      `UPDATE document_chunks SET document_id = 1 WHERE id = (SELECT min(id) FROM document_chunks)`,
      /^document_chunks \d+$/,
      'refers to a row of document_index that is not there',
      'tables',
    ],
    [
      'sqlite',
      'an index dropped',
      `DROP INDEX idx_audit_timestamp`,
      /^index idx_audit_timestamp$/,
      'is missing',
      'abathur db reindex --missing',
    ],
    [
      'sqlite',
      'a table of somebody',
      `CREATE TABLE mine (id INTEGER PRIMARY KEY)`,
      /^table mine$/,
      'is made by no migration',
      'drop it',
    ],
    [
      'vectors',
      'a text changed',
      `UPDATE search_texts SET text = text || '!' WHERE id = 2`,
      /^search_texts 2$/,
      'the text is not the one of its hash',
      'cache',
    ],
    [
      'vectors',
      'a code changed',
      `UPDATE embedding_codes SET code = zeroblob(256) WHERE id = (SELECT min(id) FROM embedding_codes)`,
      /^document_embeddings_data \d+$/,
      'has another code than it should',
      'cache',
    ],
    [
      'vectors',
      'a row lost that sqlite-vec has',
      `DELETE FROM document_embeddings WHERE id = (SELECT min(id) FROM embedding_codes)`,
      /^document_embeddings/,
      'of them are filed',
      'cache',
    ],
  ])('%s: tells of %s, where it is and what to do', (name, _, script, where, what, remedy) => {
    const report = check(tampered(script));
    expect(report.ok).toBe(false);
    const { flaws } = flawed(report).find((result) => result.name === name)!;
    expect(flaws).toContainEqual({
      where: expect.stringMatching(where),
      what: expect.stringContaining(what),
      remedy: expect.stringContaining(remedy),
    });
  });

  it('tells a few flaws in full, and counts the others', () => {
    const [{ flaws, flaw_count }] = flawed(check(tampered(`UPDATE memory_entries SET created_by = 'nobody'`))) as [
      CheckResult,
    ];
    expect(flaws).toHaveLength(20);
    expect(flaw_count).toBe(house.db.one<{ count: number }>(sql`SELECT count(*) AS count FROM memory_entries`)!.count);
  });

  /** What nothing else tells, and why that can be borne. */
  const ALONE: Record<string, string> = {
    signing_keys: 'random bytes; with another key, ids of searches that were given out are no longer known, for a day',
    operations: 'what was done, for people to look up; what it wrote is in the log',
    reactions: 'how far each has followed the log; what it did is in the log',
    embedding_failures: 'why a text has no vector; it can be tried again',
    api_key_uses: 'when each key was last shown, to the minute; nothing is made of it',
    job_runs: 'when each job runs next and how it went last; the next run says it anew',
    parked_events: 'events that were left aside, with the reason; they are in the log, and a rebuild tries them again',
    document_changes: 'what the watcher saw and forgets with its next look',
  };
  /** Of a model only its numbers can be held against anything; its name is in an index, which SQLite checks. */
  const NAMED_BY_NOTHING: Record<string, string> = { embedding_models: 'vector_count' };
  const columnsOf = (table: string): { name: string; type: string }[] =>
    house.db.all(sql`SELECT name, type FROM pragma_table_info(${table}) WHERE pk = 0`);

  it('covers every table: one value changed in any of them is found', () => {
    const tables = schema(house.db).filter(({ type, name }) => type === 'table' && !(name in ALONE));
    expect(tables.length).toBeGreaterThan(15);
    const escaped = tables.filter(({ name }) => {
      const { name: column, type } = columnsOf(name).find(
        (candidate) => candidate.name === (NAMED_BY_NOTHING[name] ?? candidate.name),
      )!;
      const value =
        type === 'TEXT'
          ? `coalesce("${column}", '') || 'x'`
          : type === 'BLOB'
            ? `zeroblob(32)`
            : `coalesce("${column}", 0) + 1`;
      const path = tampered(
        `UPDATE "${name}" SET "${column}" = ${value} WHERE rowid = (SELECT min(rowid) FROM "${name}")`,
      );
      return check(path).ok;
    });
    expect(escaped.map(({ name }) => name)).toEqual([]);
    // Nothing is excused that is not there.
    expect(schema(house.db).map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(ALONE)));
  });

  it('is lost with every bit that is flipped in this sample; the bench integrity flips many more', () => {
    const { flips } = flipBits(house.path, 20261125, 25);
    expect(flips.filter(({ found }) => found.length === 0)).toEqual([]);
  });
});
