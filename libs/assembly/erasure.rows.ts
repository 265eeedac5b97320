import { sql, type Database, type Reader, type Sql } from '#storage';
import type { RowCounts } from './erasure.events.js';

/** Positions as the text of a JSON array: one parameter, however many there are. */
type In = (positions: Sql) => Sql;

const byId: In = (positions) => sql`id IN (${positions})`;

/**
 * Rows that entries of the log made, by table, children before their parents: they go with their entry, in one transaction, so
 * that a new write at the same address finds nothing. What else follows from the entries is put right by a rebuild.
 */
const ROWS: [table: string, condition: In][] = [
  ['memory_words', (positions) => sql`rowid IN (${positions})`],
  ['search_entries', byId],
  ['memory_marks', (positions) => sql`id IN (${positions}) OR entry_id IN (${positions})`],
  ['memory_deletions', byId],
  ['memory_conflicts', byId],
  ['memory_entries', byId],
  ['state', byId],
  ['checkpoints', byId],
  ['agents', byId],
  ['task_dependencies', (positions) => sql`task_id IN (SELECT task_id FROM tasks WHERE id IN (${positions}))`],
  ['tasks', byId],
  ['context_items', (positions) => sql`context_id IN (${positions})`],
  ['contexts', byId],
  ['sessions', byId],
];

/** Rows that name an entry without an index on it: looked through once, at the end. */
const SWEPT: [table: string, column: string][] = [
  ['scoped_state', 'from_position'],
  ['provenance', 'position'],
  ['provenance', 'source_position'],
  ['parked_events', 'position'],
];

/** Caches and bookkeeping, which no rebuild makes anew. */
const ANSWERS = sql`EXISTS (SELECT 1 FROM json_tree(answer) j JOIN audit a ON a.position = j.value
    WHERE j.key IN ('position', 'memory_entry_id') AND j.type = 'integer' AND a.data IS NULL)`;
const ORPHANS = sql`NOT EXISTS (SELECT 1 FROM search_entries e WHERE e.text_id = search_texts.id)`;

export const ERASED_TABLES = [...ROWS, ...SWEPT].map(([table]) => table);

/** How many rows of each table these entries have made. */
export function countRowsOf(db: Reader, positions: number[], counts: RowCounts): void {
  for (const [table, condition] of ROWS) {
    const { count } = db.one<{ count: number }>(
      sql`SELECT count(*) AS count FROM ${named(table)} WHERE ${condition(listed(positions))}`,
    )!;
    add(counts, table, count);
  }
}

export function deleteRowsOf(db: Database, positions: number[], counts: RowCounts): void {
  for (const [table, condition] of ROWS) {
    const { changes } = db.run(sql`DELETE FROM ${named(table)} WHERE ${condition(listed(positions))}`);
    add(counts, table, changes);
  }
}

/** What is left of erased entries in tables that are looked through as a whole. */
export function sweepRows(db: Database, counts: RowCounts): void {
  for (const [table, column] of SWEPT) {
    const { changes } = db.run(
      sql`DELETE FROM ${named(table)} WHERE EXISTS
            (SELECT 1 FROM audit a WHERE a.position = ${named(column)} AND a.data IS NULL)`,
    );
    add(counts, table, changes);
  }
}

/** Answers kept for idempotency keys, and texts and vectors that nothing refers to any more. */
export function purgeCaches(db: Database, counts: RowCounts): void {
  add(counts, 'commits', db.run(sql`DELETE FROM commits WHERE ${ANSWERS}`).changes);
  const ids = db.all<{ id: number; text_id: number }>(
    sql`SELECT d.id, t.id AS text_id FROM search_texts t JOIN embedding_models m
          JOIN document_embeddings_data d ON d.model_id = m.id AND d.text_sha256 = t.text_sha256
        WHERE NOT EXISTS (SELECT 1 FROM search_entries e WHERE e.text_id = t.id)`,
  );
  for (const { id } of ids) {
    db.run(sql`DELETE FROM document_embeddings WHERE id = ${BigInt(id)}`);
    db.run(sql`DELETE FROM embedding_codes WHERE id = ${id}`);
    db.run(sql`DELETE FROM document_embeddings_data WHERE id = ${id}`);
  }
  db.run(
    sql`UPDATE embedding_models SET vector_count =
          (SELECT count(*) FROM embedding_codes c WHERE c.id / 1099511627776 = embedding_models.id)`,
  );
  add(counts, 'document_embeddings', ids.length);
  const failures = db.run(
    sql`DELETE FROM embedding_failures WHERE NOT EXISTS
          (SELECT 1 FROM search_entries e WHERE e.text_id = embedding_failures.id % 1099511627776)`,
  );
  add(counts, 'embedding_failures', failures.changes);
  add(counts, 'search_texts', db.run(sql`DELETE FROM search_texts WHERE ${ORPHANS}`).changes);
}

function add(counts: RowCounts, table: string, count: number): void {
  if (count > 0) counts[table] = (counts[table] ?? 0) + count;
}

const named = (name: string): Sql => ({ text: name, params: [] });

const listed = (positions: number[]): Sql => sql`SELECT value FROM json_each(${JSON.stringify(positions)})`;
