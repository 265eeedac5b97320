import { rmSync } from 'node:fs';
import { LogReader } from '#audit-log';
import { DomainError, type EventCatalog, type Recorded } from '#kernel';
import { Database, FileLock, join, sql, type Sql, type Synchronous } from '#storage';
import { compareTable, isEqual, type TableDifference } from './difference.js';
import { eachOrAside, park, reasonOf } from './parked.js';
import { project, type Projector } from './projector.js';
import { Projections } from './projections.js';
import { quoted } from './tables.js';
import { takeOver } from './take-over.js';

export interface RebuildReport {
  projections: string[];
  /** Entries of the log that were replayed. */
  events: number;
  seconds: number;
  /** Whether the living tables were row for row what the log makes of them, as of the same position. */
  equal: boolean;
  /** Where not. */
  differences: TableDifference[];
  /** Tables that were exchanged for the rebuilt ones. */
  exchanged: string[];
  /** How long writes waited for that, in seconds. */
  writes_waited: number;
  /** Events that were left aside, and wait to be tried again. */
  parked: number;
}

export interface RebuildOptions {
  /** The living database. */
  path: string;
  synchronous: Synchronous;
  catalog: EventCatalog;
  /** What is rebuilt, in the order in which tables refer to each other. */
  projectors: Projector[];
  /** Gives the scratch database its schema. */
  prepare(scratch: Database): void;
  /** Compare only: nothing is exchanged. */
  compareOnly: boolean;
  /** Told after each page how many entries of the log are done, of how many. */
  onProgress(done: number, total: number): void;
  /** Keeps the writer of this process out while `work` runs. Other processes wait for the lock of the file. */
  alone<T>(work: () => T): Promise<T>;
}

/** Entries of the log per transaction. */
const PAGE = 5000;

/** How often the rebuilt tables are brought to where the living ones have got to before these are asked to wait. */
const LAPS = 20;

/** Who rebuilds holds this; one at a time, over all processes on the file. */
export function lockForRebuild(path: string): FileLock {
  const lock = FileLock.alone(`${path}-rebuild-lock`);
  if (lock !== undefined) return lock;
  throw new DomainError('conflict', 'rebuild-running', 'Projections of this database are being rebuilt already.', {
    hint: 'Wait for it; it says how far it is in its operation.',
  });
}

export const scratchOf = (path: string): string => `${path}-rebuild`;

/** Removes what a rebuild left behind that was killed. Under the lock. */
export function removeLeftovers(path: string): void {
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(`${scratchOf(path)}${suffix}`, { force: true });
}

/**
 * Rebuilds projections from the beginning of the log beside the living ones. It replays into a file of its own, which costs
 * writers and readers nothing but the processor; compares at a moment when both stand at the same position; and exchanges
 * the tables that differ in one transaction. Killed at any moment, it leaves the living tables as they were.
 */
export async function rebuild(options: RebuildOptions): Promise<RebuildReport> {
  removeLeftovers(options.path);
  const rebuilding = new Rebuilding(options);
  try {
    return await rebuilding.run();
  } finally {
    rebuilding.close();
    removeLeftovers(options.path);
  }
}

/** The living database, with the one that is rebuilt beside it under the name `rebuilt`. */
export function openBeside(path: string, synchronous: Synchronous): Database {
  const db = Database.open({ path, synchronous, purpose: 'upkeep' });
  db.attach(scratchOf(path), 'rebuilt');
  return db;
}

class Rebuilding {
  private readonly begin = performance.now();
  private readonly scratch: Database;
  private live: Database;
  private log: LogReader;
  private readonly positions: Map<string, number>;
  private readonly shared: { table: string; last: number }[] = [];
  private events = 0;

  constructor(private readonly options: RebuildOptions) {
    this.scratch = Database.open({ path: scratchOf(options.path), purpose: 'scratch' });
    options.prepare(this.scratch);
    this.live = openBeside(this.options.path, this.options.synchronous);
    this.log = new LogReader(this.live, options.catalog);
    this.positions = new Map(options.projectors.map(({ name }) => [name, 0]));
    this.borrow();
  }

  async run(): Promise<RebuildReport> {
    const { projectors, compareOnly } = this.options;
    for (let lap = 0; lap < LAPS && this.replay(); lap++);
    const differences = this.compare();
    const different = projectors.filter(({ tables }) => differences.some(({ table }) => tables.includes(table)));
    const parked = this.scratch.one<{ count: number }>(sql`SELECT count(*) AS count FROM parked_events`)!.count;
    let waited = 0;
    if (!compareOnly && (different.length > 0 || parked > 0 || this.hasParked())) {
      for (let lap = 0; lap < LAPS && this.replay(); lap++);
      await this.options.alone(() => {
        const begin = performance.now();
        this.exchange(different);
        waited = performance.now() - begin;
      });
    }
    return {
      projections: projectors.map(({ name }) => name),
      events: this.events,
      seconds: seconds(performance.now() - this.begin),
      equal: differences.length === 0,
      differences,
      exchanged: compareOnly ? [] : different.flatMap(({ tables }) => tables),
      writes_waited: seconds(waited),
      parked,
    };
  }

  close(): void {
    this.live.close();
    this.scratch.close();
  }

  /** What projectors share with others is keyed by content: the rebuilt rows are to name the rows that are there. */
  private borrow(): void {
    for (const table of new Set(this.options.projectors.flatMap(({ shares = [] }) => shares))) {
      this.live.run(sql`INSERT INTO rebuilt.${quoted(table)} SELECT * FROM main.${quoted(table)}`);
      const { last } = this.live.one<{ last: number }>(
        sql`SELECT coalesce(max(rowid), 0) AS last FROM rebuilt.${quoted(table)}`,
      )!;
      this.shared.push({ table, last });
    }
  }

  /** Brings each rebuilt projection to where its living one stands now; whether there was anything to do. */
  private replay(): boolean {
    const targets = this.targets();
    const total = Math.max(...targets.values());
    let worked = false;
    for (;;) {
      const behind = this.options.projectors.filter(({ name }) => this.positions.get(name)! < targets.get(name)!);
      if (behind.length === 0) return worked;
      worked = true;
      const from = Math.min(...behind.map(({ name }) => this.positions.get(name)!));
      const events = this.log.all(from, PAGE);
      this.refuseHole(from, events);
      this.scratch.transaction(() => {
        for (const projector of behind) this.apply(projector, events, targets.get(projector.name)!);
      });
      const last = events.at(-1)!.position;
      this.events = Math.max(this.events, Math.min(last, total));
      this.options.onProgress(this.events, total);
    }
  }

  private targets(): Map<string, number> {
    const rows = this.live.all<{ name: string; position: number }>(sql`SELECT name, position FROM projections`);
    return new Map(rows.map(({ name, position }) => [name, position]));
  }

  private refuseHole(from: number, events: Recorded[]): void {
    const hole = events.findIndex(({ position }, index) => position !== from + 1 + index);
    if (events.length > 0 && hole < 0) return;
    throw new DomainError(
      'conflict',
      'log-has-hole',
      `The log has no entry ${from + 1 + Math.max(hole, 0)}; nothing was exchanged.`,
      { hint: 'abathur verify tells more. Restore a backup from before the loss.' },
    );
  }

  private apply(projector: Projector, events: Recorded[], target: number): void {
    const { name, poison } = projector;
    const position = this.positions.get(name)!;
    const due = events.filter((event) => event.position > position && event.position <= target);
    const digest = (some: Recorded[]): void => {
      for (const statement of project(projector, some)) this.scratch.run(statement);
    };
    const time = new Date().toISOString();
    eachOrAside(this.scratch, due, digest, (event, error) => {
      if (poison !== 'park' && !this.wasLeftAside(name, event)) throw this.cannotDigest(name, event, error);
      this.scratch.run(park(name, event.position, reasonOf(error), time));
    });
    const last = due.at(-1)?.position;
    if (last !== undefined) this.positions.set(name, last);
  }

  /** What somebody left aside by hand stays there, while it still cannot be digested. */
  private wasLeftAside(name: string, { position }: Recorded): boolean {
    return (
      this.live.one(sql`SELECT 1 FROM main.parked_events WHERE projection = ${name} AND position = ${position}`) !==
      undefined
    );
  }

  private cannotDigest(name: string, { position, type }: Recorded, error: unknown): DomainError {
    return new DomainError(
      'conflict',
      'poison-event',
      `${name} cannot digest the ${type} at ${position}: ${reasonOf(error)}. Nothing was exchanged.`,
      { hint: 'The living tables are as they were. A program that understands the event is needed.' },
    );
  }

  /** Tables that differ while both stand at one position: a moment of the living database that no write disturbs. */
  private compare(): TableDifference[] {
    return this.live.savepoint(() => {
      this.replay();
      return this.options.projectors
        .flatMap(({ tables }) => tables.map((table) => compareTable(this.live, table)))
        .filter((difference) => !isEqual(difference));
    });
  }

  /** One transaction: tables, what is parked and checkpoints; then what the living ones had seen beyond, and a last look. */
  private exchange(different: Projector[]): void {
    // A connection that has looked at a word index keeps in mind how it is built.
    this.live.close();
    this.live = openBeside(this.options.path, this.options.synchronous);
    const log = new LogReader(this.live, this.options.catalog);
    this.live.transaction(() => {
      this.share();
      this.takeOverParked();
      const targets = this.targets();
      const projections = new Projections(this.live, log, different);
      for (const { tables } of different) for (const table of tables) takeOver(this.live, table);
      for (const projector of different) {
        const { name } = projector;
        this.live.run(
          sql`UPDATE main.projections SET position = ${this.positions.get(name)!}, stopped_by = NULL WHERE name = ${name}`,
        );
        let position = this.positions.get(name)!;
        while (position < targets.get(name)!) {
          position = projections.turn(projector, Math.min(500, targets.get(name)! - position)).position;
        }
      }
      this.checkReferences(different);
    });
  }

  private hasParked(): boolean {
    return this.live.one(sql`SELECT 1 FROM main.parked_events WHERE projection IN (${this.names()})`) !== undefined;
  }

  private names(): Sql {
    return join(
      this.options.projectors.map(({ name }) => sql`${name}`),
      ', ',
      'NULL',
    );
  }

  private share(): void {
    for (const { table, last } of this.shared) {
      const name = quoted(table);
      this.live.run(
        sql`INSERT INTO main.${name} SELECT * FROM rebuilt.${name} r WHERE r.rowid > ${last} ON CONFLICT DO NOTHING`,
      );
    }
  }

  private takeOverParked(): void {
    this.live.run(sql`DELETE FROM main.parked_events WHERE projection IN (${this.names()})`);
    this.live.run(
      sql`INSERT INTO main.parked_events (projection, position, reason, attempts, parked_at)
          SELECT projection, position, reason, attempts, parked_at FROM rebuilt.parked_events`,
    );
  }

  /** Rows of the exchanged tables, and rows of others that name them. */
  private checkReferences(different: Projector[]): void {
    const exchanged = new Set(different.flatMap(({ tables }) => tables));
    const references = this.live.all<{ child: string; parent: string }>(
      sql`SELECT s.name AS child, f."table" AS parent FROM main.sqlite_schema s, pragma_foreign_key_list(s.name) f
          WHERE s.type = 'table'`,
    );
    const touched = references.filter(({ child, parent }) => exchanged.has(child) || exchanged.has(parent));
    for (const child of new Set(touched.map((reference) => reference.child))) {
      const check: Sql = { text: `PRAGMA main.foreign_key_check(${quoted(child).text})`, params: [] };
      const [broken] = this.live.all<{ rowid: number; parent: string }>(check);
      if (broken === undefined) continue;
      throw new DomainError(
        'conflict',
        'rebuilt-reference',
        `Row ${broken.rowid} of ${child} would refer to nothing in ${broken.parent}; nothing was exchanged.`,
        { hint: 'Rebuild all projections together.' },
      );
    }
  }
}

const seconds = (milliseconds: number): number => Math.round(milliseconds) / 1000;
