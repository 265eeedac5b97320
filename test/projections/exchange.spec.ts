import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LogReader } from '#audit-log';
import { catalog, projectors as all } from '#assembly';
import {
  differences,
  lockForRebuild,
  parkedEvents,
  projectionStatus,
  rebuild,
  replay,
  type Projector,
  type RebuildReport,
} from '#projections';
import { Database, migrate, readMigrations, sql } from '#storage';
import { live } from '../support/history.js';
import { catchUp, MIGRATIONS, openTestHouse, type TestHouse } from '../support/house.js';

const tables = all.flatMap((projector) => projector.tables);

describe('R-A5 A rebuild beside the living tables', () => {
  let house: TestHouse;
  beforeEach(async () => {
    house = openTestHouse();
    await live(house.log, 7, 1_200);
    await catchUp(house);
  });
  afterEach(() => house.close());

  interface Wishes {
    projectors?: Projector[];
    compareOnly?: boolean;
    /** What happens while the rebuild reads the log, and just before tables are exchanged. */
    meanwhile?: () => void;
    before?: () => void;
  }

  const rebuilt = ({ projectors = all, compareOnly = false, meanwhile, before }: Wishes = {}): Promise<RebuildReport> =>
    rebuild({
      path: house.path,
      synchronous: 'NORMAL',
      catalog,
      projectors,
      compareOnly,
      prepare: (scratch) => void migrate(scratch, readMigrations(MIGRATIONS)),
      onProgress: () => meanwhile?.(),
      alone: async (work) => {
        before?.();
        return work();
      },
    });

  /** Whether every table is what a replay of the log makes of it. */
  const wrong = (): unknown[] => {
    const scratch = Database.open({ path: ':memory:' });
    migrate(scratch, readMigrations(MIGRATIONS));
    replay(new LogReader(house.db, catalog), all, scratch);
    const found = differences(house.db, scratch, tables);
    scratch.close();
    return found;
  };
  const named = (...names: string[]): Projector[] => all.filter(({ name }) => names.includes(name));
  const damage = (script: string): void =>
    house.db.exec(`PRAGMA foreign_keys = OFF; ${script}; PRAGMA foreign_keys = ON`);
  const sound = (): void => {
    expect(wrong()).toEqual([]);
    expect(house.db.pragma('integrity_check')).toBe('ok');
    expect(house.db.all({ text: 'PRAGMA foreign_key_check', params: [] })).toEqual([]);
    for (const table of ['memory_words', 'document_words'])
      house.db.exec(`INSERT INTO ${table} (${table}) VALUES ('integrity-check')`);
    expect(house.ask(projectionStatus, null).map(({ lag }) => lag)).toEqual(all.map(() => 0));
  };

  it('says that tables are equal, and leaves them alone', async () => {
    const report = await rebuilt();
    const { position } = await house.log.head();
    expect(report).toMatchObject({ equal: true, differences: [], exchanged: [], events: position, parked: 0 });
    sound();
  });

  it.each([
    [
      'a row that somebody changed',
      `UPDATE memory_entries SET updated_by = 'x' WHERE id IN (SELECT min(id) FROM memory_entries)`,
      'memory_entries',
      { changed: 1, missing: 0, surplus: 0 },
    ],
    ['rows that are gone', `DELETE FROM scoped_state WHERE id % 50 = 1`, 'scoped_state', { changed: 0, surplus: 0 }],
    [
      'a row too much',
      `INSERT INTO metrics (id, name, labels, timestamp, value) VALUES (99999, 'x', '{}', 'x', 1)`,
      'metrics',
      { changed: 0, missing: 0, surplus: 1 },
    ],
    [
      'a text that words cannot find',
      `DELETE FROM memory_words WHERE rowid IN (SELECT max(rowid) FROM memory_words)`,
      'memory_words',
      { missing: 1, surplus: 0 },
    ],
    [
      'words of something else',
      `INSERT INTO memory_words (rowid, text) VALUES (1000000, 'more')`,
      'memory_words',
      { missing: 0, surplus: 1 },
    ],
  ])('finds %s and mends it', async (_, script, table, rows) => {
    damage(script);
    const report = await rebuilt();
    expect(report.equal).toBe(false);
    expect(report.differences).toEqual([expect.objectContaining({ table, ...rows })]);
    expect(report.exchanged).toContain(table);
    sound();
    expect(await rebuilt()).toMatchObject({ equal: true });
  });

  it('fills tables that are empty', async () => {
    damage(tables.map((table) => `DELETE FROM ${table}`).join(';'));
    const report = await rebuilt();
    expect(report.differences.map(({ table }) => table).toSorted()).toEqual(tables.toSorted());
    sound();
  });

  it('only compares when it is told to', async () => {
    damage(`DELETE FROM metrics WHERE id = 1`);
    const report = await rebuilt({ compareOnly: true });
    expect(report).toMatchObject({ equal: false, exchanged: [], differences: [{ table: 'metrics', missing: 1 }] });
    expect(house.db.one(sql`SELECT 1 FROM metrics WHERE id = 1`)).toBeUndefined();
  });

  it.each(all.map(({ name }) => name))('rebuilds %s alone, whatever its neighbours hold', async (name) => {
    const projectors = named(name);
    damage(projectors.flatMap((one) => one.tables.map((table) => `DELETE FROM ${table}`)).join(';'));
    await rebuilt({ projectors });
    sound();
  });

  it('takes along what is written while it runs', async () => {
    damage(`UPDATE memory_entries SET updated_by = 'x' WHERE id % 3 = 0; DELETE FROM memory_words WHERE rowid % 3 = 0`);
    let works: Promise<unknown> = Promise.resolve();
    const write = (seed: number) => (): void => void (works = works.then(() => live(house.log, seed, 40)));
    const report = rebuilt({ meanwhile: write(8), before: write(9) });
    await report;
    await works;
    await catchUp(house);
    sound();
  });

  it('goes on projecting with the statements that were prepared before', async () => {
    damage(`DELETE FROM memory_entries; DELETE FROM sessions; DELETE FROM memory_words`);
    await rebuilt();
    await live(house.log, 10, 200);
    await catchUp(house);
    sound();
  });

  it('is one at a time, and the next may come when it has ended', async () => {
    const lock = lockForRebuild(house.path);
    expect(() => lockForRebuild(house.path)).toThrow(
      expect.objectContaining({ kind: 'conflict', code: 'rebuild-running' }),
    );
    lock.release();
    lockForRebuild(house.path).release();
  });

  it('leaves nothing behind', async () => {
    await rebuilt();
    const files = readdirSync(dirname(house.path)).filter((name) => name !== basename(house.path));
    expect(files.filter((name) => !/-(wal|shm|rebuild-lock)$/.test(name))).toEqual([]);
    expect(existsSync(`${house.path}-rebuild`)).toBe(false);
  });

  it('refuses a log with a hole, and exchanges nothing', async () => {
    damage(
      `DELETE FROM metrics WHERE id = 1; DROP TRIGGER audit_is_never_deleted; DELETE FROM audit WHERE position = 300`,
    );
    await expect(rebuilt()).rejects.toMatchObject({ code: 'log-has-hole', message: expect.stringContaining('300') });
    expect(house.db.one(sql`SELECT 1 FROM metrics WHERE id = 1`)).toBeUndefined();
  });

  it('refuses to leave a row that refers to nothing', async () => {
    damage(
      `UPDATE memory_entries SET session_id = 'nobody' WHERE id = (SELECT max(id) FROM memory_entries); DELETE FROM sessions`,
    );
    await expect(rebuilt({ projectors: named('sessions') })).rejects.toMatchObject({ code: 'rebuilt-reference' });
    expect(house.db.one(sql`SELECT count(*) AS count FROM sessions`)).toEqual({ count: 0 });
    await rebuilt();
    sound();
  });

  describe('of a projection that meets an event which it cannot digest', () => {
    const poisoned = (poison?: 'park'): Projector => {
      const [activity] = named('activity');
      const stumble: Projector['on'][string] = (event) => {
        if (event.position % 100 === 50) throw new Error(`cannot digest ${event.position}`);
        return activity!.on[event.type]!(event);
      };
      return { ...activity!, poison, on: Object.fromEntries(Object.keys(activity!.on).map((type) => [type, stumble])) };
    };

    it('stops and exchanges nothing', async () => {
      damage('DELETE FROM metrics');
      await expect(rebuilt({ projectors: [poisoned()] })).rejects.toMatchObject({
        code: 'poison-event',
        message: expect.stringMatching(/activity cannot digest the \w+ at 50: cannot digest 50/),
      });
      expect(house.db.one(sql`SELECT count(*) AS count FROM metrics`)).toEqual({ count: 0 });
    });

    it('or leaves it aside with its reason where that is allowed, and tries it again the next time', async () => {
      const report = await rebuilt({ projectors: [poisoned('park')] });
      const parked = house.ask(parkedEvents, 'activity');
      expect(parked.length).toBe(report.parked);
      expect(parked[0]).toMatchObject({ position: 50, reason: 'cannot digest 50', attempts: 1 });
      expect(house.ask(projectionStatus, null)).toContainEqual(
        expect.objectContaining({ name: 'activity', status: 'parked', parked: report.parked }),
      );
      expect(await rebuilt()).toMatchObject({ equal: false, parked: 0 });
      expect(house.ask(parkedEvents, 'activity')).toEqual([]);
      sound();
    });
  });
});
