import { sql, type Reader } from '#storage';

export interface Table {
  name: string;
  type: 'table' | 'view' | 'virtual';
  sql: string;
}

/** The tables and views that migrations make; without those that SQLite and its extensions keep for themselves. */
export function schema(db: Reader): Table[] {
  const all = db.all<Table & { kind: string }>(
    sql`SELECT s.name, t.type AS kind, s.type, s.sql FROM sqlite_schema AS s JOIN pragma_table_list AS t ON t.name = s.name
        WHERE s.type IN ('table', 'view') AND t.schema = 'main' AND s.name NOT GLOB 'sqlite_*' ORDER BY s.name`,
  );
  const virtual = all.filter(({ kind }) => kind === 'virtual').map(({ name }) => name);
  // Vectors lie in tables that their extension does not declare as its own.
  const hidden = (name: string): boolean =>
    virtual.some((owner) => name.startsWith(`${owner}_`) && /^vector_chunks\d+$/.test(name.slice(owner.length + 1)));
  return all
    .filter(({ name, kind }) => kind !== 'shadow' && !hidden(name))
    .map(({ kind, type, ...table }) => ({ ...table, type: kind === 'virtual' ? 'virtual' : type }));
}
