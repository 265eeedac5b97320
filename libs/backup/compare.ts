import { rmSync } from 'node:fs';
import { LogReader } from '#audit-log';
import { differences, Projections, replay, type Difference } from '#projections';
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
  const [db, rebuilt] = [path, `${path}.rebuilt`].map((file) => Database.open({ path: file, synchronous: 'NORMAL' }));
  try {
    migrate(rebuilt!, migrations);
    const log = new LogReader(db!, catalog);
    const begin = performance.now();
    report({ step: 'rebuild', done: 0, total: log.head().position });
    catchUp(db!, log, knowledge);
    const events = replay(log, projectors, rebuilt!);
    const middle = performance.now();
    const tables = projectors.flatMap((projector) => projector.tables);
    const found = tables.flatMap((table, index): Difference[] => {
      report({ step: 'compare', done: index, total: tables.length });
      return differences(db!, rebuilt!, [table]);
    });
    return {
      events,
      tables: tables.length,
      differences: found.map(({ table, only_live, only_rebuilt }) => ({
        table,
        only_here: only_live.length,
        only_from_log: only_rebuilt.length,
      })),
      rebuild_seconds: (middle - begin) / 1000,
      compare_seconds: (performance.now() - middle) / 1000,
    };
  } finally {
    db!.close();
    rebuilt!.close();
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}.rebuilt${suffix}`, { force: true });
  }
}

/** Projections that follow the log may have been behind when the copy was made. */
function catchUp(db: Database, log: LogReader, { projectors }: Knowledge): void {
  const projections = new Projections(db, log, projectors);
  db.transaction(() => projections.register(new Date().toISOString()));
  for (const projector of projectors) while (db.transaction(() => projections.turn(projector)).events > 0);
}
