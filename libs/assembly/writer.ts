import { LogReader, LogWriter, Transactor, Writer } from '#audit-log';
import { Projections } from '#projections';
import { sql, type Database } from '#storage';
import { catalog, deciders, projectors, reads } from './features.js';

/** How long an idempotency key is remembered, in milliseconds. */
const COMMIT_MEMORY = 24 * 3600 * 1000;

/** The writer with all features, on a connection of its own. */
export function assembleWriter(db: Database): Writer {
  const projections = new Projections(db, new LogReader(db, catalog), projectors);
  const log = new LogWriter(db, catalog, (events) => projections.onAppend(events));
  const transactor = new Transactor(db, log, deciders, reads, catalog);
  db.transaction(() => projections.register(new Date().toISOString()));
  return new Writer(db, log, transactor, {
    onBegin: () => projections.onBegin(),
    onEnd: (position) => projections.onEnd(position),
    chores: {
      'catch-up': (name) => projections.turn(projectors.find((projector) => projector.name === name)!),
      'forget-commits': (now) => {
        const before = new Date(Date.parse(now as string) - COMMIT_MEMORY).toISOString();
        return db.run(sql`DELETE FROM commits WHERE created_at < ${before}`).changes;
      },
    },
  });
}
