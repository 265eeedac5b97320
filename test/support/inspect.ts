import { LogReader, verifySlice, witnessedHead } from '#audit-log';
import { catalog, projectors } from '#assembly';
import { differences, replay, type Difference } from '#projections';
import { Database, migrate, readMigrations, sql } from '#storage';
import { MIGRATIONS } from './house.js';

/** What a database file that programs have left behind holds, and whether it holds together. */
export interface Findings {
  head: number;
  /** Positions that should be there and are not. */
  holes: number[];
  chain: { checked: number; broken_at?: number; reason?: string };
  integrity: string;
  /** Where tables of inline projections differ from a replay of the log. */
  differences: Difference[];
  /** The data of each event by its position. */
  events: Map<number, { type: string; data: string }>;
}

export function inspect(path: string): Findings {
  const db = Database.open({ path, synchronous: 'NORMAL' });
  const scratch = Database.open({ path: ':memory:' });
  try {
    migrate(scratch, readMigrations(MIGRATIONS));
    const inline = projectors.filter(({ mode }) => mode === 'inline');
    replay(new LogReader(db, catalog), inline, scratch);
    const head = witnessedHead.run(db, null);
    const rows = db.all<{ position: number; type: string; data: string }>(sql`SELECT position, type, data FROM audit`);
    const events = new Map(rows.map(({ position, ...event }) => [position, event]));
    return {
      head,
      holes: Array.from({ length: head }, (_, index) => index + 1).filter((position) => !events.has(position)),
      chain: verifySlice.run(db, { from: 1, to: head }),
      integrity: db.pragma('integrity_check'),
      differences: differences(
        db,
        scratch,
        inline.flatMap(({ tables }) => tables),
      ),
      events,
    };
  } finally {
    db.close();
    scratch.close();
  }
}
