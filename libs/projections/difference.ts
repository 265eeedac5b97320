import { sql, type Database, type Sql } from '#storage';
import { isWordIndex, quoted, shadowsOf } from './tables.js';

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
 * take half a second.
 */
export function compareTable(db: Database, table: string): TableDifference {
  return { table, ...(isWordIndex(db, table) ? compareWords(db, table) : compareRows(db, table)) };
}

export const isEqual = ({ surplus, missing, changed }: TableDifference): boolean => surplus + missing + changed === 0;

function compareRows(db: Database, table: string): Omit<TableDifference, 'table'> {
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
function changedRows(db: Database, table: string): Sql {
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

/** Up to this share of a table's rows they are exchanged one by one; beyond it the whole table is written anew. */
const FEW = 0.05;

/**
 * Makes a table of `main` what it is in `rebuilt`. Rows one by one where few differ; else emptied and filled in the order of
 * its trees, which SQLite does five times as fast as it inserts. Foreign keys are off meanwhile.
 */
export function takeOver(db: Database, table: string): void {
  if (isWordIndex(db, table)) {
    for (const shadow of shadowsOf(db, table)) refill(db, shadow);
    return;
  }
  const { surplus, missing, changed } = compareRows(db, table);
  const rows = db.one<{ count: number }>(sql`SELECT count(*) AS count FROM rebuilt.${quoted(table)}`)!.count;
  if (surplus + missing + changed > rows * FEW) return refill(db, table);
  const name = quoted(table);
  db.exec('CREATE TEMP TABLE changed (id INTEGER PRIMARY KEY)');
  db.run(sql`INSERT INTO temp.changed ${changedRows(db, table)}`);
  db.run(sql`DELETE FROM main.${name} WHERE rowid IN (SELECT id FROM temp.changed)
    OR NOT EXISTS (SELECT 1 FROM rebuilt.${name} r WHERE r.rowid = ${name}.rowid)`);
  db.run(sql`INSERT INTO main.${name} SELECT * FROM rebuilt.${name} r
    WHERE NOT EXISTS (SELECT 1 FROM main.${name} l WHERE l.rowid = r.rowid)`);
  db.exec('DROP TABLE temp.changed');
}

/** Writes a whole table of `main` anew, as it is in `rebuilt`. */
export function refill(db: Database, table: string): void {
  db.run(sql`DELETE FROM main.${quoted(table)}`);
  db.run(sql`INSERT INTO main.${quoted(table)} SELECT * FROM rebuilt.${quoted(table)}`);
}
