import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogReader } from '#audit-log';
import { catalog, projectors } from '#assembly';
import { differences, replay, type Projector } from '#projections';
import { CACHE_TABLES } from '#search';
import { Database, migrate, readMigrations, sql } from '#storage';
import { live, type Lived } from '../support/history.js';
import { catchUp, MIGRATIONS, openTestHouse, type TestHouse } from '../support/house.js';
import { schema } from '../support/schema.js';

/** Every projector that the product has, whoever added it: none is named here. */
describe('R-A5 Rebuilt from the log alone', () => {
  let house: TestHouse;
  let lived: Lived;
  beforeAll(async () => {
    house = openTestHouse();
    lived = await live(house.log, 42, 2500);
    await catchUp(house);
  });
  afterAll(() => house.close());

  const rebuild = (chosen: Projector[], page?: number): Database => {
    const scratch = Database.open({ path: ':memory:' });
    migrate(scratch, readMigrations(MIGRATIONS));
    replay(new LogReader(house.db, catalog), chosen, scratch, page);
    return scratch;
  };

  it('a history with every event type is what the following is about', () => {
    const types = house.db.all<{ type: string }>(sql`SELECT DISTINCT type FROM audit ORDER BY type`);
    expect(types.map(({ type }) => type)).toEqual(Object.keys(catalog).toSorted());
    expect(lived.taken).toBeGreaterThan(500);
    expect(Object.keys(lived.refused)).toEqual(
      expect.arrayContaining(['illegal-transition', 'memory-not-found', 'session-exists', 'unknown-session']),
    );
  });

  it('a history has memories of sessions that were deleted later, and state of every scope', () => {
    const orphans = house.db.all(
      sql`SELECT 1 FROM audit w JOIN audit d ON d.type = 'SessionDeleted' AND d.session_id = w.session_id
          WHERE w.type = 'MemoryWritten' AND w.position < d.position`,
    );
    const scopes = house.db.all(sql`SELECT DISTINCT scope FROM scoped_state`);
    expect(orphans.length).toBeGreaterThan(3);
    expect(scopes).toHaveLength(4);
  });

  it.each(projectors)('$name is row for row what it is alive', (projector) => {
    const scratch = rebuild([projector]);
    expect(differences(house.db, scratch, projector.tables)).toEqual([]);
    for (const table of projector.tables) expect(count(scratch, table)).toBeGreaterThan(5);
    scratch.close();
  });

  it.each([1, 7, 100_000])('everything together is the same, %i events at a time', (page) => {
    const scratch = rebuild(projectors, page);
    const tables = projectors.flatMap((projector) => projector.tables);
    expect(differences(house.db, scratch, tables)).toEqual([]);
    scratch.close();
  });

  it('a table that somebody has touched is told apart', () => {
    const scratch = rebuild(projectors);
    scratch.exec(`UPDATE memory_entries SET updated_by = 'somebody' WHERE id = (SELECT min(id) FROM memory_entries)`);
    const [difference, ...others] = differences(house.db, scratch, ['memory_entries', 'memory_deletions']);
    expect(others).toEqual([]);
    expect(difference).toMatchObject({ table: 'memory_entries', only_live: [{}], only_rebuilt: [{}] });
    scratch.close();
  });

  it.each([
    ['has one text less', `DELETE FROM memory_words WHERE rowid = (SELECT max(rowid) FROM memory_words)`],
    ['has words of something else', `INSERT INTO memory_words (rowid, text) VALUES (1000000, 'more')`],
  ])('a word index is told apart that %s', (_, change) => {
    const scratch = rebuild(projectors);
    scratch.exec(change);
    expect(differences(house.db, scratch, ['memory_words'])).toMatchObject([{ table: 'memory_words' }]);
    scratch.close();
  });

  it('every table that is not the log, its bookkeeping or a cache belongs to exactly one projector', () => {
    const owned = projectors.flatMap(({ tables }) => tables).toSorted();
    const bookkeeping = [
      'audit',
      'commits',
      'projections',
      'parked_events',
      'schema_migrations',
      'signing_keys',
      'document_changes',
      'reactions',
      'operations',
      'job_runs',
      'api_key_uses',
      'log_nodes',
      'log_checkpoints',
    ];
    const all = schema(house.db)
      .filter(({ type, sql: ddl }) => type !== 'view' && !ddl.includes('fts5vocab'))
      .map(({ name }) => name)
      .filter((name) => !bookkeeping.includes(name) && !CACHE_TABLES.includes(name));
    expect(owned).toEqual(all.toSorted());
    expect(schema(house.db).map(({ name }) => name)).toEqual(expect.arrayContaining(CACHE_TABLES));
  });
});

const count = (db: Database, table: string): number =>
  db.one<{ count: number }>({ text: `SELECT count(*) AS count FROM ${table}`, params: [] })!.count;
