import type { LogReader } from '#audit-log';
import { conflict, type Recorded } from '#kernel';
import { join, sql, type Database } from '#storage';
import { eachOrAside, isEventsFault, park, parkedEvents, reasonOf, unpark } from './parked.js';
import { project, type Projector } from './projector.js';

export interface Turn {
  /** Events seen in this turn; fewer than asked for when the head was reached. */
  events: number;
  position: number;
}

/** Events per transaction when a projection catches up. */
const PAGE = 500;
/** The same when a projection is filled before anybody is served. */
const FILL_PAGE = 5000;

/**
 * Keeps projections up to date with the log. Rows and checkpoint always move in the same transaction, and a
 * checkpoint moves by compare-and-set, so two workers never apply an event twice.
 */
export class Projections {
  private readonly inline: Projector[];
  private readonly together: Projector[];
  /** Events of this transaction that the projectors which go together have not seen. */
  private waiting: Recorded[] = [];

  constructor(
    private readonly db: Database,
    private readonly log: LogReader,
    private readonly projectors: Projector[],
  ) {
    this.inline = projectors.filter(({ mode }) => mode === 'inline');
    this.together = this.inline.filter(({ together }) => together);
  }

  /** Makes the checkpoints of new projectors, at position 0: they fill themselves from the whole log. */
  register(time: string): void {
    for (const { name, mode } of this.projectors) {
      this.db.run(
        sql`INSERT INTO projections (name, mode, position, updated_at) VALUES (${name}, ${mode}, 0, ${time})
            ON CONFLICT (name) DO UPDATE SET mode = excluded.mode WHERE mode <> excluded.mode`,
      );
    }
  }

  /**
   * Brings inline projections that are behind to the head, page by page: after an upgrade one of them may have the whole
   * log before it, and one transaction over all of it would grow with the log. Killed on the way, it goes on from there.
   * Returns how many pages that took.
   */
  fill(page = FILL_PAGE): number {
    let pages = 0;
    const enforced = this.db.pragma('foreign_keys') === 1;
    // References hold at the end, not on the way.
    this.db.pragma('foreign_keys = OFF');
    try {
      for (const projector of this.inline) {
        while (this.checkpoint(projector.name) < this.log.head().position) {
          this.db.transaction(() => this.turn(projector, page));
          pages += 1;
        }
      }
      if (pages > 0) this.refuseBrokenReference();
    } finally {
      if (enforced) this.db.pragma('foreign_keys = ON');
    }
    return pages;
  }

  private refuseBrokenReference(): void {
    const [broken] = this.db.all<{ table: string; rowid: number }>(
      sql`SELECT "table", rowid FROM pragma_foreign_key_check LIMIT 1`,
    );
    if (broken === undefined) return;
    throw conflict(
      'filled-reference',
      `Row ${broken.rowid} of ${broken.table} refers to nothing.`,
      'abathur integrity tells more.',
    );
  }

  /** Projects what has just been appended, in the transaction that appends it. */
  onAppend(events: Recorded[]): void {
    for (const projector of this.inline) if (!projector.together) this.apply(projector, events);
    this.waiting.push(...events);
  }

  /** Projects what has waited for others of its transaction. */
  settle(): void {
    const events = this.waiting;
    this.waiting = [];
    for (const projector of this.together) this.apply(projector, events);
  }

  /** Forgets what was appended after a position and has been undone. */
  onUndo(position: number): void {
    this.waiting = this.waiting.filter((event) => event.position <= position);
  }

  /** Brings inline projections to the head: after an upgrade, or when a program without them wrote. */
  onBegin(): void {
    this.waiting = [];
    const { position } = this.log.head();
    for (const projector of this.inline) {
      if (this.checkpoint(projector.name) === position) continue;
      // A row may name a neighbour's row that went later in the log: references hold at the end, not on the way.
      this.db.pragma('defer_foreign_keys = ON');
      while (this.checkpoint(projector.name) < position) this.turn(projector);
    }
  }

  /** Moves the checkpoints of all inline projections past what {@link onAppend} has projected. */
  onEnd(position: number): void {
    this.settle();
    // Only its own: another program's projectors on this file have not seen these events.
    const own = join(
      this.inline.map(({ name }) => sql`${name}`),
      ', ',
      'NULL',
    );
    this.db.run(
      sql`UPDATE projections SET position = ${position}, updated_at = (SELECT timestamp FROM audit WHERE position = ${position})
          WHERE name IN (${own})`,
    );
  }

  /** One page forward for a projection, inside a transaction of the caller's. */
  turn(projector: Projector, limit = PAGE): Turn {
    return this.advance([projector], limit);
  }

  /** One page forward for projections that all stand where the first of them does. */
  advance(projectors: Projector[], limit: number): Turn {
    const from = this.checkpoint(projectors[0]!.name);
    const events = this.log.all(from, limit);
    const last = events.at(-1);
    if (last === undefined) return { events: 0, position: from };
    const hole = events.findIndex(({ position }, index) => position !== from + 1 + index);
    if (hole >= 0)
      throw new Error(`${projectors[0]!.name} is at ${from + hole}, but the log goes on at ${events[hole]!.position}`);
    for (const projector of projectors) this.digest(projector, events, from);
    return { events: events.length, position: last.position };
  }

  private digest(projector: Projector, events: Recorded[], from: number): void {
    const { name } = projector;
    const last = events.at(-1)!;
    if (projector.poison === 'park') this.applyOrPark(projector, events);
    else this.apply(projector, events);
    this.moveOn(name, last, from);
  }

  private moveOn(name: string, { position, time }: Recorded, from: number): void {
    const { changes } = this.db.run(
      sql`UPDATE projections SET position = ${position}, updated_at = ${time}, stopped_by = NULL
          WHERE name = ${name} AND position = ${from}`,
    );
    if (changes !== 1) throw new Error(`Somebody else moved the checkpoint of ${name}`);
  }

  /** Says that a projection cannot go on, and why, until it can. */
  stopped(name: string, reason: string): void {
    this.db.run(
      sql`UPDATE projections SET stopped_by = ${reason} WHERE name = ${name} AND stopped_by IS NOT ${reason}`,
    );
  }

  /**
   * Leaves the event aside that a projection has stopped at, because somebody says so who has looked at it. Where what
   * follows depends on it, tables are not what the log makes of them until it is digested.
   */
  leaveAside(projector: Projector, time: string): { position: number; type: string; reason: string } {
    const { name } = projector;
    for (const event of this.log.all(this.checkpoint(name), PAGE)) {
      const from = event.position - 1;
      try {
        this.db.savepoint(() => this.digest(projector, [event], from));
      } catch (error) {
        if (!isEventsFault(error)) throw error;
        const reason = reasonOf(error);
        this.db.run(park(name, event.position, reason, time));
        this.moveOn(name, event, from);
        return { position: event.position, type: event.type, reason };
      }
    }
    throw conflict(
      'not-stopped',
      `${name} has not stopped at any event.`,
      'abathur projections list says how it stands.',
    );
  }

  /** Tries parked events again, in their order; returns how many of them went well. */
  retryParked(projector: Projector, time: string): { retried: number; digested: number } {
    const { name } = projector;
    const parked = parkedEvents.run(this.db, name);
    let failed = 0;
    for (const { position } of parked) {
      const retry = (events: Recorded[]): void => {
        this.apply(projector, events);
        this.db.run(unpark(name, position));
      };
      eachOrAside(this.db, this.log.all(position - 1, 1), retry, (_, error) => {
        failed += 1;
        this.db.run(park(name, position, reasonOf(error), time));
      });
    }
    return { retried: parked.length, digested: parked.length - failed };
  }

  private applyOrPark(projector: Projector, events: Recorded[]): void {
    eachOrAside(
      this.db,
      events,
      (some) => this.apply(projector, some),
      ({ position, time }, error) => this.db.run(park(projector.name, position, reasonOf(error), time)),
    );
  }

  private apply(projector: Projector, events: Recorded[]): void {
    for (const statement of project(projector, events)) this.db.run(statement);
  }

  private checkpoint(name: string): number {
    return this.db.one<{ position: number }>(sql`SELECT position FROM projections WHERE name = ${name}`)!.position;
  }
}
