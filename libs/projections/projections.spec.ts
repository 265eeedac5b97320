import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { directly, LogReader, LogWriter, SqliteAuditLog, Transactor, Writer, type NewEvent } from '#audit-log';
import { catalog, projectors as all } from '#assembly';
import { memories } from '#memories';
import { sessions } from '#sessions';
import { Database, migrate, readMigrations, sql } from '#storage';
import { live } from '../../test/support/history.js';
import { caller, MIGRATIONS, openTestHouse, type TestHouse } from '../../test/support/house.js';
import type { Projector } from './projector.js';
import { parkedEvents } from './parked.js';
import { projectionStatus } from './projections.reads.js';
import { Projections, type Turn } from './projections.js';
import { differences, replay } from './replay.js';

/** Writes down which events it has seen, in the order in which it saw them. */
const witness = (mode: Projector['mode'], name = 'witness'): Projector => ({
  name,
  mode,
  tables: ['seen'],
  on: { SessionEventAppended: ({ position }) => [sql`INSERT INTO seen (position) VALUES (${position})`] },
});

/** Sees everything, until it comes to the event at one position. */
const stumbling = (mode: Projector['mode'], at: number): Projector => ({
  ...witness(mode),
  on: {
    SessionEventAppended: (event) => {
      if (event.position === at) throw new Error(`cannot digest ${at}`);
      return witness(mode).on['SessionEventAppended']!(event);
    },
  },
});

describe('R-A5 A projection', () => {
  let house: TestHouse;
  beforeEach(() => {
    house = openTestHouse();
    house.db.exec('CREATE TABLE seen (id INTEGER PRIMARY KEY, position INTEGER NOT NULL)');
  });
  afterEach(() => house.close());

  /** A program with these projectors on the house's file. */
  const program = (projectors: Projector[], db = house.db) => {
    const projections = new Projections(db, new LogReader(db, catalog), projectors);
    db.transaction(() => projections.register('2026-01-02T03:04:05.678Z'));
    const log = new LogWriter(db, catalog, (events) => projections.onAppend(events));
    const writer = new Writer(db, log, new Transactor(db, log, deciders, new Map(), catalog), {
      onBegin: () => projections.onBegin(),
      onUndo: (position) => projections.onUndo(position),
      onRead: () => projections.settle(),
      onEnd: (position) => projections.onEnd(position),
      chores: {},
    });
    return {
      log: new SqliteAuditLog(db, catalog, directly(writer)),
      retry: (projector: Projector) => db.transaction(() => projections.retryParked(projector, LATER)),
      stopped: (name: string, reason: string) => db.transaction(() => projections.stopped(name, reason)),
      aside: (projector: Projector) => db.transaction(() => projections.leaveAside(projector, LATER)),
      fill: (page: number) => projections.fill(page),
      turn: (projector: Projector, limit?: number): Turn => db.transaction(() => projections.turn(projector, limit)),
    };
  };
  const append = async (log: SqliteAuditLog, count: number): Promise<void> => {
    await log.commit(commitOf(Array.from({ length: count }, happened)));
  };
  const seen = (db = house.db): number[] =>
    db.all<{ position: number }>(sql`SELECT position FROM seen ORDER BY id`).map(({ position }) => position);
  const checkpoint = (name = 'witness'): number | undefined =>
    house.ask(projectionStatus, null).find((status) => status.name === name)?.position;
  const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

  describe('that is new, and inline,', () => {
    it('is filled page by page before anybody is served, and goes on where it was interrupted', async () => {
      await append(house.log, 12);
      expect(() => program([stumbling('inline', 9)]).fill(5)).toThrow('cannot digest 9');
      expect(checkpoint()).toBe(5);
      expect(house.db.pragma('foreign_keys')).toBe(1);
      expect(program([witness('inline')]).fill(5)).toBe(2);
      expect({ checkpoint: checkpoint(), seen: seen() }).toEqual({ checkpoint: 12, seen: upTo(12) });
      expect(program([witness('inline')]).fill(5)).toBe(0);
    });
  });

  describe('that catches up', () => {
    const projector = witness('catch-up');

    it('goes page by page, until its checkpoint is at the head', async () => {
      const { turn } = program([projector]);
      await append(house.log, 1250);
      expect([turn(projector), turn(projector), turn(projector), turn(projector)]).toEqual([
        { events: 500, position: 500 },
        { events: 500, position: 1000 },
        { events: 250, position: 1250 },
        { events: 0, position: 1250 },
      ]);
      expect(seen()).toEqual(upTo(1250));
      expect(house.ask(projectionStatus, null)).toContainEqual({
        name: 'witness',
        mode: 'catch-up',
        position: 1250,
        lag: 0,
        status: 'running',
        reason: null,
        parked: 0,
      });
    });

    it('stops at what it cannot digest, and goes on without it when somebody says so', async () => {
      const stuck = stumbling('catch-up', 7);
      const { turn, aside, stopped, retry } = program([stuck]);
      await append(house.log, 12);
      expect(() => turn(stuck)).toThrow('cannot digest 7');
      stopped('witness', 'cannot digest 7');
      expect(aside(stuck)).toEqual({ position: 7, type: 'SessionEventAppended', reason: 'cannot digest 7' });
      expect(turn(stuck)).toEqual({ events: 5, position: 12 });
      expect(seen()).toEqual(upTo(12).filter((position) => position !== 7));
      expect(house.ask(parkedEvents, 'witness')).toMatchObject([{ position: 7, reason: 'cannot digest 7' }]);
      expect(() => aside(stuck)).toThrow('has not stopped');
      expect(retry(witness('catch-up'))).toEqual({ retried: 1, digested: 1 });
      expect(seen()).toContain(7);
    });

    it('moves its checkpoint past events that do not concern it', async () => {
      const { turn } = program([projector]);
      await house.log.commit(commitOf([{ ...happened(), type: 'SessionDeleted' }]));
      expect(turn(projector)).toEqual({ events: 1, position: 1 });
      expect(seen()).toEqual([]);
    });

    it('tells how far it is behind', async () => {
      const { turn } = program([projector]);
      await append(house.log, 12);
      turn(projector, 5);
      expect(house.ask(projectionStatus, null)).toContainEqual(expect.objectContaining({ name: 'witness', lag: 7 }));
    });

    it('is worked on by two, and yet sees each event once', async () => {
      const second = Database.open({ path: house.path, synchronous: 'NORMAL' });
      const workers = [program([projector]), program([projector], second)];
      await append(house.log, 95);
      for (let n = 0; n < 12; n++) workers[n % 2]!.turn(projector, 10);
      expect(seen()).toEqual(upTo(95));
      expect(checkpoint()).toBe(95);
      second.close();
    });

    it('does nothing when somebody else has moved its checkpoint', async () => {
      const meddling: Projector = {
        ...projector,
        on: {
          SessionEventAppended: (event) => [
            ...projector.on['SessionEventAppended']!(event),
            sql`UPDATE projections SET position = 1 WHERE name = 'witness'`,
          ],
        },
      };
      const { turn } = program([meddling]);
      await append(house.log, 3);
      expect(() => turn(meddling)).toThrow('Somebody else moved the checkpoint of witness');
      expect([seen(), checkpoint()]).toEqual([[], 0]);
    });

    it('goes on from its last page after a crash', async () => {
      const path = house.path;
      const crashed = Database.open({ path, synchronous: 'NORMAL' });
      const { turn } = program([projector], crashed);
      await append(house.log, 30);
      turn(projector, 10);
      // The process dies with half a page projected: the transaction is never committed.
      crashed.exec('BEGIN IMMEDIATE');
      new Projections(crashed, new LogReader(crashed, catalog), [projector]).turn(projector, 10);
      expect(seen(crashed)).toHaveLength(20);
      crashed.close();
      expect([seen(), checkpoint()]).toEqual([upTo(10), 10]);
      program([projector]).turn(projector);
      expect([seen(), checkpoint()]).toEqual([upTo(30), 30]);
    });

    it('stops before an event that it cannot digest, skips nothing, and goes on once it can', async () => {
      const poor = stumbling('catch-up', 25);
      const { turn } = program([poor]);
      await append(house.log, 40);
      turn(poor, 10);
      turn(poor, 10);
      for (let n = 0; n < 3; n++) expect(() => turn(poor, 10)).toThrow('cannot digest 25');
      expect([seen(), checkpoint()]).toEqual([upTo(20), 20]);
      await expect(append(house.log, 1)).resolves.toBeUndefined();
      program([projector]).turn(projector);
      expect([seen(), checkpoint()]).toEqual([upTo(41), 41]);
    });

    it('that may leave an event aside goes on without it, tells why, and digests it when it is tried again', async () => {
      const poor: Projector = { ...stumbling('catch-up', 25), poison: 'park' };
      const { turn, retry } = program([poor]);
      await append(house.log, 40);
      for (let n = 0; n < 4; n++) turn(poor, 10);
      expect([seen(), checkpoint()]).toEqual([upTo(40).filter((position) => position !== 25), 40]);
      expect(retry(poor)).toEqual({ retried: 1, digested: 0 });
      expect(house.ask(parkedEvents, 'witness')).toEqual([
        { position: 25, type: 'SessionEventAppended', reason: 'cannot digest 25', attempts: 2, parked_at: LATER },
      ]);
      expect(house.ask(projectionStatus, null)).toContainEqual(
        expect.objectContaining({ status: 'parked', parked: 1 }),
      );
      expect(retry(projector)).toEqual({ retried: 1, digested: 1 });
      expect(seen().toSorted((a, b) => a - b)).toEqual(upTo(40));
      expect(house.ask(parkedEvents, 'witness')).toEqual([]);
    });

    it('leaves no event aside for what is not its fault', async () => {
      const poor: Projector = {
        ...projector,
        poison: 'park',
        on: { SessionEventAppended: () => [sql`INSERT INTO no_such_table DEFAULT VALUES`] },
      };
      const { turn } = program([poor]);
      await append(house.log, 3);
      expect(() => turn(poor)).toThrow('no such table');
      expect([house.ask(parkedEvents, 'witness'), checkpoint()]).toEqual([[], 0]);
    });

    it('is said to be stopped, and why, until it goes on', async () => {
      const { turn, stopped } = program([projector]);
      await append(house.log, 3);
      stopped('witness', 'cannot digest 2');
      expect(house.ask(projectionStatus, null)).toContainEqual(
        expect.objectContaining({ name: 'witness', status: 'stopped', reason: 'cannot digest 2' }),
      );
      turn(projector);
      expect(house.ask(projectionStatus, null)).toContainEqual(
        expect.objectContaining({ name: 'witness', status: 'running', reason: null }),
      );
    });

    it('stops at a hole in the log', async () => {
      const { turn } = program([projector]);
      await append(house.log, 5);
      house.db.exec('DROP TRIGGER audit_is_never_deleted; DELETE FROM audit WHERE position = 1');
      expect(() => turn(projector)).toThrow('witness is at 0, but the log goes on at 2');
      expect([seen(), checkpoint()]).toEqual([[], 0]);
    });

    it('stops at a hole in the middle of a page', async () => {
      const { turn } = program([projector]);
      await append(house.log, 5);
      house.db.exec('DROP TRIGGER audit_is_never_deleted; DELETE FROM audit WHERE position = 3');
      expect(() => turn(projector)).toThrow('the log goes on at 4');
      expect([seen(), checkpoint()]).toEqual([[], 0]);
    });
  });

  describe('that is inline', () => {
    const projector = witness('inline');

    it('has seen an event when its write is answered', async () => {
      const { log } = program([projector]);
      await append(log, 3);
      expect([seen(), checkpoint()]).toEqual([upTo(3), 3]);
    });

    it('that is new fills itself from an old log before the next write', async () => {
      await append(house.log, 1203);
      const { log } = program([...all, projector]);
      expect([seen(), checkpoint()]).toEqual([[], 0]);
      await append(log, 2);
      expect([seen(), checkpoint()]).toEqual([upTo(1205), 1205]);
    });

    it('catches up with what a program without it wrote', async () => {
      const { log } = program([projector]);
      await append(log, 2);
      await append(house.log, 3);
      expect(seen()).toEqual(upTo(2));
      await append(log, 1);
      expect([seen(), checkpoint()]).toEqual([upTo(6), 6]);
    });

    it('that cannot digest an event refuses the write, which leaves nothing behind', async () => {
      const { log } = program([stumbling('inline', 3)]);
      await append(log, 2);
      await expect(append(log, 1)).rejects.toThrow('cannot digest 3');
      expect([seen(), checkpoint(), (await log.head()).position]).toEqual([upTo(2), 2, 2]);
    });

    it('that cannot digest an old event lets nothing be written past it', async () => {
      await append(house.log, 10);
      const { log } = program([stumbling('inline', 7)]);
      await expect(append(log, 1)).rejects.toThrow('cannot digest 7');
      expect([seen(), checkpoint(), (await log.head()).position]).toEqual([[], 0, 10]);
      const { log: repaired } = program([projector]);
      await append(repaired, 1);
      expect([seen(), checkpoint()]).toEqual([upTo(11), 11]);
    });

    it('stays where it is when a write is refused', async () => {
      const { log } = program([projector]);
      await append(log, 2);
      const refused = { ...commitOf([happened()]), conditions: [{ stream: 'session:s1', expected: 'none' as const }] };
      await expect(log.commit(refused)).rejects.toMatchObject({ kind: 'version-conflict' });
      expect([seen(), checkpoint()]).toEqual([upTo(2), 2]);
    });

    it('can become one that catches up, and keeps its place', async () => {
      const { log } = program([projector]);
      await append(log, 4);
      const later = witness('catch-up');
      const { log: next, turn } = program([later]);
      await append(next, 2);
      expect([seen(), checkpoint()]).toEqual([upTo(4), 4]);
      turn(later);
      expect([seen(), checkpoint()]).toEqual([upTo(6), 6]);
    });
  });

  describe('replayed from the log', () => {
    it('stops at a hole, wherever it is', async () => {
      await append(house.log, 9);
      house.db.exec('DROP TRIGGER audit_is_never_deleted; DELETE FROM audit WHERE position IN (5, 8)');
      const scratch = Database.open({ path: ':memory:' });
      scratch.exec('CREATE TABLE seen (id INTEGER PRIMARY KEY, position INTEGER NOT NULL)');
      for (const page of [1, 3, 4, 100]) {
        const replaying = () => replay(new LogReader(house.db, catalog), [witness('inline')], scratch, page);
        expect(replaying).toThrow('The log has no entry 5');
      }
      scratch.close();
    });
  });

  describe('of the product', () => {
    it.each(all.filter(({ mode }) => mode === 'inline'))(
      '$name fills itself again from an old log',
      async (projector) => {
        await live(house.log, 5, 600);
        const before = Database.open({ path: ':memory:' });
        migrate(before, readMigrations(MIGRATIONS));
        replay(new LogReader(house.db, catalog), all, before);
        // As if it had never been there: children first, as foreign keys want it.
        house.db.exec('PRAGMA foreign_keys = OFF');
        for (const table of projector.tables) house.db.exec(`DELETE FROM ${table}`);
        house.db.exec(`UPDATE projections SET position = 0 WHERE name = '${projector.name}'; PRAGMA foreign_keys = ON`);
        await house.log.execute({ caller: caller(), steps: [] });
        expect(differences(house.db, before, projector.tables)).toEqual([]);
        before.close();
      },
    );
  });
});

const deciders = new Map([...sessions.deciders, ...memories.deciders].map((decider) => [decider.name, decider]));

const LATER = '2026-01-03T00:00:00.000Z';

let commits = 0;
const commitOf = (events: NewEvent[]) => ({
  id: `commit-${++commits}`,
  conditions: [],
  events,
  proposer: { actor: 'tester', correlation_id: 'test' },
  time: '2026-01-02T03:04:05.678Z',
});

const happened = (): NewEvent => ({
  stream: 'session:s1',
  type: 'SessionEventAppended',
  data: {
    session_id: 's1',
    event_type: 'message',
    timestamp: '2026-01-02T03:04:05.678Z',
    content: {},
    owners: {},
    is_final_response: false,
  },
});
