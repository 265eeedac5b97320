import { cutLog, LogReader } from '#audit-log';
import { replay } from '#projections';
import { sql, type Database, type Sql } from '#storage';
import type { Knowledge } from './knowledge.js';

/**
 * Turns a copy into the database as it was when its log ended at `position`: later entries and answers go, and every table
 * that follows from the log is told again from what is left. In a copy only: the log of a living database is never cut.
 */
export function trimTo(db: Database, position: number, { catalog, projectors, forgetLater }: Knowledge): void {
  db.pragma('foreign_keys = OFF');
  const tables = projectors.flatMap((projector) => projector.tables);
  db.transaction(() => {
    cutLog(db, position);
    for (const table of tables.toReversed()) empty(db, table);
    const time = sql`(SELECT timestamp FROM audit WHERE position = ${position})`;
    db.run(sql`UPDATE projections SET position = ${position}, updated_at = ${time}`);
  });
  replay(new LogReader(db, catalog), projectors, db);
  forgetLater(db);
  // What is gone is also gone from the pages that are free now.
  db.exec('VACUUM');
  db.pragma('foreign_keys = ON');
}

function empty(db: Database, table: string): void {
  const contentless = db.one(
    sql`SELECT 1 FROM sqlite_schema WHERE name = ${table} AND sql GLOB 'CREATE VIRTUAL TABLE * USING fts5 (*'`,
  );
  if (contentless === undefined) db.run(sql`DELETE FROM ${quoted(table)}`);
  else db.run(sql`INSERT INTO ${quoted(table)} (${quoted(table)}) VALUES ('delete-all')`);
}

const quoted = (name: string): Sql => ({ text: `"${name.replaceAll('"', '""')}"`, params: [] });
