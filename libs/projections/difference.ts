import { sql, type Database, type Sql } from '#storage';
import { isWordIndex, quoted } from './tables.js';

/** How a rebuilt table differs from the living one, in rows; of a word index in words, and in texts that it is about. */
export interface TableDifference {
  table: string;
  /** Rows that only the living table has. */
  surplus: number;
  /** Rows that only the rebuilt table has. */
  missing: number;
  /** Rows that both have, with other contents. */
  changed: number;
}

/**
 * Compares a table of `main` with the one of the attached database `rebuilt`, row for row, inside of SQLite: a million rows
 * take half a second. How many differ; which ones, and in what, is told by `unequalRows`.
 */
export function compareTable(db: Database, table: string): TableDifference {
  return { table, ...(isWordIndex(db, table) ? compareWords(db, table) : compareRows(db, table)) };
}

export const isEqual = ({ surplus, missing, changed }: TableDifference): boolean => surplus + missing + changed === 0;

export function compareRows(db: Database, table: string): Omit<TableDifference, 'table'> {
  const name = quoted(table);
  const count = (query: Sql): number => db.one<{ count: number }>(query)!.count;
  return {
    surplus: count(
      sql`SELECT count(*) AS count FROM main.${name} l WHERE NOT EXISTS (SELECT 1 FROM rebuilt.${name} r WHERE r.rowid = l.rowid)`,
    ),
    missing: count(
      sql`SELECT count(*) AS count FROM rebuilt.${name} r WHERE NOT EXISTS (SELECT 1 FROM main.${name} l WHERE l.rowid = r.rowid)`,
    ),
    changed: count(sql`SELECT count(*) AS count FROM (${changedRows(db, table)})`),
  };
}

/** Ids of rows that both have, with other contents. */
export function changedRows(db: Database, table: string): Sql {
  const columns = db.all<{ name: string }>(sql`SELECT name FROM pragma_table_info(${table})`);
  const of = (side: 'l' | 'r'): Sql => ({
    text: columns.map(({ name }) => `${side}.${quoted(name).text}`).join(', '),
    params: [],
  });
  return sql`SELECT l.rowid AS id FROM main.${quoted(table)} l JOIN rebuilt.${quoted(table)} r ON r.rowid = l.rowid
    WHERE (${of('l')}) IS NOT (${of('r')})`;
}

/** A word index holds texts, and words at their places in them; the places of each word are compared by their sum. */
function compareWords(db: Database, table: string): Omit<TableDifference, 'table'> {
  const sizes = quoted(`${table}_docsize`);
  const texts = (here: string, there: string): Sql => ({
    text: `SELECT count(*) AS count FROM ${here}.${sizes.text} l
      WHERE NOT EXISTS (SELECT 1 FROM ${there}.${sizes.text} r WHERE r.id = l.id)`,
    params: [],
  });
  const count = (query: Sql): number => db.one<{ count: number }>(query)!.count;
  for (const side of ['main', 'rebuilt']) {
    db.exec(`CREATE VIRTUAL TABLE temp.words_of_${side} USING fts5vocab (${side}, ${quoted(table).text}, instance);
      CREATE TEMP TABLE places_in_${side} AS
        SELECT term, count(*) AS count, sum((doc * 1000003 + "offset" * 101 + (col = 'text')) % 2147483647) AS places
        FROM temp.words_of_${side} GROUP BY term`);
  }
  const words = count({
    text: `SELECT count(*) AS count FROM (SELECT term FROM (
        SELECT * FROM temp.places_in_main UNION ALL SELECT * FROM temp.places_in_rebuilt)
      GROUP BY term HAVING count(*) <> 2 OR min(count) <> max(count) OR min(places) <> max(places))`,
    params: [],
  });
  for (const side of ['main', 'rebuilt']) {
    db.exec(`DROP TABLE temp.words_of_${side}; DROP TABLE temp.places_in_${side}`);
  }
  return { surplus: count(texts('main', 'rebuilt')), missing: count(texts('rebuilt', 'main')), changed: words };
}
