import { defineRead, sql } from '#storage';
import { isWordIndex, quoted } from './tables.js';

export interface ProjectionStatus {
  name: string;
  mode: 'inline' | 'catch-up';
  position: number;
  /** Entries of the log that it has not seen yet. */
  lag: number;
  /** `stopped`: at an event that it cannot digest. `parked`: it went on without some, which wait to be tried again. */
  status: 'running' | 'stopped' | 'parked';
  /** Why it stopped. */
  reason: string | null;
  /** Events that it left aside. */
  parked: number;
}

export const projectionStatus = defineRead('projections.status', (db, _: null): ProjectionStatus[] =>
  db.all<ProjectionStatus>(
    sql`SELECT name, mode, position, lag, reason, parked,
          CASE WHEN reason IS NOT NULL THEN 'stopped' WHEN parked > 0 THEN 'parked' ELSE 'running' END AS status
        FROM (SELECT name, mode, position, (SELECT coalesce(max(position), 0) FROM audit) - position AS lag,
                stopped_by AS reason, (SELECT count(*) FROM parked_events WHERE projection = name) AS parked
              FROM projections)
        ORDER BY name`,
  ),
);

/** How many rows these tables have in all. Counted by the smallest index of each: many, but not for a point read. */
export const countRows = defineRead('projections.rows', (db, tables: string[]): number =>
  tables.reduce((sum, table) => {
    // A full-text index without its texts has a row for each of them in the table of their sizes.
    const counted = isWordIndex(db, table) ? `${table}_docsize` : table;
    return sum + db.one<{ count: number }>(sql`SELECT count(*) AS count FROM ${quoted(counted)}`)!.count;
  }, 0),
);
