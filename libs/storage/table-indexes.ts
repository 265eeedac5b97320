import type { Database } from './database.js';
import { sql } from './sql.js';

/** An index as a migration makes it. */
export interface TableIndex {
  name: string;
  table: string;
  sql: string;
}

/** The indexes that somebody named; those of constraints come with their tables. */
export const tableIndexes = (db: Database): TableIndex[] =>
  db.all<TableIndex>(
    sql`SELECT name, tbl_name AS "table", sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name`,
  );

/** Those that a model of the database has and the database has not, or has otherwise. */
export function missingIndexes(db: Database, model: Database): TableIndex[] {
  const there = new Map(tableIndexes(db).map((index) => [index.name, index.sql]));
  return tableIndexes(model).filter((index) => there.get(index.name) !== index.sql);
}

/** Makes an index anew, in a transaction of its own: the write lock is held no longer than for this one. */
export function makeIndex(db: Database, index: TableIndex): void {
  db.transaction(() => db.exec(`DROP INDEX IF EXISTS "${index.name}"; ${index.sql}`));
}
