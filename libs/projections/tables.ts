import { sql, type Reader, type Sql } from '#storage';

export const quoted = (table: string): Sql => ({ text: `"${table.replaceAll('"', '""')}"`, params: [] });

export const isWordIndex = (db: Reader, table: string): boolean =>
  db.one(sql`SELECT 1 FROM sqlite_schema WHERE name = ${table} AND sql GLOB 'CREATE VIRTUAL TABLE * USING fts5 (*'`) !==
  undefined;

/** The tables that a virtual table keeps its contents in. */
export const shadowsOf = (db: Reader, table: string): string[] =>
  db
    .all<{ name: string }>(
      sql`SELECT name FROM main.sqlite_schema WHERE type = 'table' AND rootpage > 0
            AND name >= ${`${table}_`} AND name < ${`${table}\``} ORDER BY name`,
    )
    .map(({ name }) => name);
