import { rmSync } from 'node:fs';
import { LogReader } from '#audit-log';
import { compareTable, isEqual, Projections, replay, type TableDifference } from '#projections';
import { Database, migrate } from '#storage';
import type { Knowledge } from './knowledge.js';
import type { Report } from './steps.js';

export interface Comparison {
  events: number;
  tables: number;
  /** Where a table differs from what the log tells: how many rows only one of them has. */
  differences: { table: string; only_here: number; only_from_log: number }[];
  /** Seconds of telling the tables again, and of comparing them. */
  rebuild_seconds: number;
  compare_seconds: number;
}

/** Tells every table again from the log of this file, and compares them row for row. */
export function compareWithLog(path: string, knowledge: Knowledge, report: Report): Comparison {
  const { catalog, projectors, migrations } = knowledge;
  const db = Database.open({ path, synchronous: 'NORMAL' });
  const rebuilt = Database.open({ path: `${path}.rebuilt`, purpose: 'scratch' });
  try {
    migrate(rebuilt, migrations);
    const log = new LogReader(db, catalog);
    const begin = performance.now();
    report({ step: 'rebuild', done: 0, total: log.head().position });
    catchUp(db, log, knowledge);
    const events = replay(log, projectors, rebuilt);
    const middle = performance.now();
    const tables = projectors.flatMap((projector) => projector.tables);
    // Inside of SQLite: however large a table is, it is not held in memory.
    db.attach(`${path}.rebuilt`, 'rebuilt');
    const found = tables.map((table, index): TableDifference => {
      report({ step: 'compare', done: index, total: tables.length });
      return compareTable(db, table);
    });
    return {
      events,
      tables: tables.length,
      differences: found
        .filter((difference) => !isEqual(difference))
        .map(({ table, surplus, missing, changed }) => ({
          table,
          only_here: surplus + changed,
          only_from_log: missing + changed,
        })),
      rebuild_seconds: (middle - begin) / 1000,
      compare_seconds: (performance.now() - middle) / 1000,
    };
  } finally {
    db.close();
    rebuilt.close();
    for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(`${path}.rebuilt${suffix}`, { force: true });
  }
}

/** Projections that follow the log may have been behind when the copy was made. */
function catchUp(db: Database, log: LogReader, { projectors }: Knowledge): void {
  const projections = new Projections(db, log, projectors);
  db.transaction(() => projections.register(new Date().toISOString()));
  for (const projector of projectors) while (db.transaction(() => projections.turn(projector)).events > 0);
}
