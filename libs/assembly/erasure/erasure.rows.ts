import { sql, type Database, type Reader, type Sql } from '#storage';
import type { RowCounts } from './erasure.events.js';

/** Ids of chunks of documents begin here: position of their event * 4096 + number beyond it. */
export const CHUNK_IDS = 2 ** 51;

/** Positions as the text of a JSON array: one parameter, however many there are. */
type In = (positions: Sql) => Sql;

const named = (name: string): Sql => ({ text: name, params: [] });

const byId: In = (positions) => sql`id IN (${positions})`;
const ofTask: In = (positions) => sql`task_id IN (SELECT task_id FROM tasks WHERE id IN (${positions}))`;
/** What has ids of chunks: a range of them for each position. */
const chunksIn =
  (table: string): In =>
  (positions) =>
    sql`SELECT c.id FROM (${positions}) p JOIN ${named(table)} c
          ON c.id >= ${CHUNK_IDS} + p.value * 4096 AND c.id < ${CHUNK_IDS} + (p.value + 1) * 4096`;
const chunksOf = chunksIn('document_chunks');

/**
 * Rows that entries of the log made, by table, children before their parents: they go with their entry, in one transaction, so
 * that a new write at the same address finds nothing. What else follows from the entries is put right by a rebuild.
 */
const ROWS: [table: string, condition: In][] = [
  ['memory_words', (positions) => sql`rowid IN (${positions})`],
  ['search_entries', (positions) => sql`id IN (${positions}) OR id IN (${chunksIn('search_entries')(positions)})`],
  ['memory_quarantines', (positions) => sql`entry_id IN (${positions}) OR quarantine IN (${positions})`],
  ['quarantines', byId],
  ['memory_marks', (positions) => sql`id IN (${positions}) OR entry_id IN (${positions})`],
  ['memory_deletions', byId],
  ['memory_conflicts', byId],
  ['memory_entries', byId],
  ['document_words', (positions) => sql`rowid IN (${chunksOf(positions)})`],
  ['document_chunks', (positions) => sql`id IN (${chunksOf(positions)})`],
  ['document_versions', byId],
  ['document_index', byId],
  ['state', byId],
  ['checkpoints', byId],
  ['agents', byId],
  ['task_dependencies', ofTask],
  ['tasks', byId],
  ['context_items', (positions) => sql`context_id IN (${positions})`],
  ['contexts', byId],
  ['jobs', byId],
  ['api_key_uses', byId],
  ['api_keys', byId],
  ['sessions', byId],
];

/** Rows that name an entry without an index on it: looked through once, at the end. */
const SWEPT: [table: string, column: string][] = [
  ['scoped_state', 'from_position'],
  ['provenance', 'position'],
  ['parked_events', 'position'],
];

/** Texts and vectors are kept once for all who said the same: they go when nobody is left who did. */
const TEXTS = [
  'search_texts',
  'document_embeddings_data',
  'embedding_codes',
  'document_embeddings',
  'embedding_failures',
];

/** Every place that is looked through. */
export const PLACES = [...new Set(['audit', ...[...ROWS, ...SWEPT].map(([table]) => table), 'commits', ...TEXTS])];

/** Answers kept for idempotency keys that tell of an entry without content. */
const ANSWERS = sql`EXISTS (SELECT 1 FROM json_tree(answer) j JOIN audit a ON a.position = j.value
    WHERE j.key IN ('position', 'id', 'memory_entry_id') AND j.type = 'integer' AND a.salt IS NULL)`;

/** How many rows of each table these entries have made. */
export function countRowsOf(db: Reader, positions: number[], counts: RowCounts): void {
  const among = listed(positions);
  const tell = (table: string, condition: Sql): void => {
    const { count } = db.one<{ count: number }>(sql`SELECT count(*) AS count FROM ${named(table)} WHERE ${condition}`)!;
    add(counts, table, count);
  };
  for (const [table, condition] of ROWS) tell(table, condition(among));
  for (const [table, column] of SWEPT) tell(table, sql`${named(column)} IN (${among})`);
  tell(
    'search_texts',
    sql`id IN (SELECT text_id FROM search_entries WHERE id IN (${among}))
        AND NOT EXISTS (SELECT 1 FROM search_entries e WHERE e.text_id = search_texts.id AND e.id NOT IN (${among}))`,
  );
}

export function deleteRowsOf(db: Database, positions: number[], counts: RowCounts): void {
  for (const [table, condition] of ROWS) {
    const { changes } = db.run(sql`DELETE FROM ${named(table)} WHERE ${condition(listed(positions))}`);
    add(counts, table, changes);
  }
}

/** What is left of erased entries in tables that are looked through as a whole, and in answers that are kept. */
export function sweepRows(db: Database, counts: RowCounts): void {
  for (const [table, column] of SWEPT) {
    const { changes } = db.run(
      sql`DELETE FROM ${named(table)} WHERE EXISTS
            (SELECT 1 FROM audit a WHERE a.position = ${named(column)} AND a.salt IS NULL)`,
    );
    add(counts, table, changes);
  }
  add(counts, 'commits', db.run(sql`DELETE FROM commits WHERE ${ANSWERS}`).changes);
}

/** Texts that nobody says any more, with their vectors. */
export function purgeTexts(db: Database, counts: RowCounts): void {
  const unused = sql`% 1099511627776 NOT IN (SELECT text_id FROM search_entries)`;
  for (const { id } of db.all<{ id: number }>(sql`SELECT id FROM embedding_codes WHERE id ${unused}`)) {
    // sqlite-vec overwrites with zeros what it removes.
    add(counts, 'document_embeddings', db.run(sql`DELETE FROM document_embeddings WHERE id = ${BigInt(id)}`).changes);
  }
  for (const table of ['embedding_codes', 'document_embeddings_data', 'embedding_failures', 'search_texts'])
    add(counts, table, db.run(sql`DELETE FROM ${named(table)} WHERE id ${unused}`).changes);
  db.run(
    sql`UPDATE embedding_models SET vector_count =
          (SELECT count(*) FROM embedding_codes c WHERE c.id / 1099511627776 = embedding_models.id)`,
  );
}

function add(counts: RowCounts, table: string, count: number): void {
  if (count > 0) counts[table] = (counts[table] ?? 0) + count;
}

const listed = (positions: number[]): Sql => sql`SELECT value FROM json_each(${JSON.stringify(positions)})`;
