import type { LogReader } from '#audit-log';
import type { Recorded } from '#kernel';
import { join, sql, type Database } from '#storage';
import { project, type Projector } from './projector.js';

export interface Turn {
  /** Events seen in this turn; fewer than asked for when the head was reached. */
  events: number;
  position: number;
}

/** Events per transaction when a projection catches up. */
const PAGE = 500;

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
  turn({ name, ...rest }: Projector, limit = PAGE): Turn {
    const from = this.checkpoint(name);
    const events = this.log.all(from, limit);
    const last = events.at(-1);
    if (last === undefined) return { events: 0, position: from };
    const hole = events.findIndex(({ position }, index) => position !== from + 1 + index);
    if (hole >= 0) throw new Error(`${name} is at ${from + hole}, but the log goes on at ${events[hole]!.position}`);
    this.apply({ name, ...rest }, events);
    const { changes } = this.db.run(
      sql`UPDATE projections SET position = ${last.position}, updated_at = ${last.time}
          WHERE name = ${name} AND position = ${from}`,
    );
    if (changes !== 1) throw new Error(`Somebody else moved the checkpoint of ${name}`);
    return { events: events.length, position: last.position };
  }

  private apply(projector: Projector, events: Recorded[]): void {
    for (const statement of project(projector, events)) this.db.run(statement);
  }

  private checkpoint(name: string): number {
    return this.db.one<{ position: number }>(sql`SELECT position FROM projections WHERE name = ${name}`)!.position;
  }
}
