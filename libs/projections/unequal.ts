import type { Reader, Sql } from '#storage';
import { quoted } from './tables.js';

/** Where a living table is not what the log makes of it. */
export interface Unequal {
  /** The row's id; for a word index the word and the text that it is said to be in. */
  row: string;
  what: 'missing' | 'not in the log' | 'differs';
  /** The columns that differ. */
  columns?: string[];
}

type Row = Record<string, unknown> & { rowid: number };

/**
 * Compares a table of two databases row by row, in the order of its ids, so that nothing is held in memory: tells each row
 * and column, on two connections that only read. How many there are is told faster by `compareTable`. `read` says
 * what to compare where the rows as they are stored name something that is not derived.
 */
export function* unequalRows(live: Reader, derived: Reader, table: string, read?: Sql): Iterable<Unequal> {
  const rows = read ?? { text: `SELECT rowid AS rowid, * FROM ${nameOf(table)} ORDER BY rowid`, params: [] };
  const [here, there] = [live.iterate<Row>(rows), derived.iterate<Row>(rows)];
  try {
    yield* merge(here, there);
  } finally {
    here.return?.();
    there.return?.();
  }
}

function* merge(here: Iterator<Row>, there: Iterator<Row>): Iterable<Unequal> {
  let [left, right] = [here.next(), there.next()];
  while (left.done !== true || right.done !== true) {
    const [l, r] = [
      left.done === true ? Infinity : left.value.rowid,
      right.done === true ? Infinity : right.value.rowid,
    ];
    if (l < r) yield { row: String(l), what: 'not in the log' };
    else if (r < l) yield { row: String(r), what: 'missing' };
    else {
      const columns = unequalColumns(left.value as Row, right.value as Row);
      if (columns.length > 0) yield { row: String(l), what: 'differs', columns };
    }
    if (l <= r) left = here.next();
    if (r <= l) right = there.next();
  }
}

const unequalColumns = (left: Row, right: Row): string[] =>
  Object.keys(right).filter((column) => !same(left[column], right[column]));

const same = (left: unknown, right: unknown): boolean =>
  left === right || (Buffer.isBuffer(left) && Buffer.isBuffer(right) && left.equals(right));

interface Instance {
  term: string;
  doc: number;
  col: string;
  offset: number;
}

/**
 * Compares two full-text indexes: which texts they have with how many words, and each word at each place. The first
 * difference is told, because what follows one in an index says nothing more.
 */
export function* unequalWords(live: Indexing, derived: Indexing, index: string): Iterable<Unequal> {
  const sizes: Sql = { text: `SELECT id AS rowid, sz FROM ${nameOf(`${index}_docsize`)} ORDER BY id`, params: [] };
  yield* unequalRows(live, derived, index, sizes);
  // What FTS5 keeps beside the words: its settings, and how many words there are in all.
  const settings: Sql = { text: `SELECT 0 AS rowid, k, v FROM ${nameOf(`${index}_config`)} ORDER BY k`, params: [] };
  const totals: Sql = { text: `SELECT id AS rowid, block FROM ${nameOf(`${index}_data`)} WHERE id = 1`, params: [] };
  for (const read of [settings, totals]) {
    for (const unequal of unequalRows(live, derived, index, read)) yield { ...unequal, row: 'its totals' };
  }
  const [here, there] = [instances(live, index), instances(derived, index)];
  try {
    for (;;) {
      const [left, right] = [here.next(), there.next()];
      if (left.done === true && right.done === true) return;
      if (left.done !== true && right.done !== true && sameInstance(left.value, right.value)) continue;
      const { term, doc } = (right.done === true ? left.value : right.value) as Instance;
      yield { row: `the word ${JSON.stringify(term)} in text ${doc}`, what: 'differs' };
      return;
    }
  } finally {
    here.return?.();
    there.return?.();
  }
}

const sameInstance = (left: Instance, right: Instance): boolean =>
  left.doc === right.doc && left.offset === right.offset && left.col === right.col && left.term === right.term;

/** A connection of one's own, which may have a temporary table. */
type Indexing = Reader & { exec(script: string): void };

function instances(db: Indexing, index: string): IterableIterator<Instance> {
  const table = nameOf(`${index}_instances`);
  db.exec(`CREATE VIRTUAL TABLE IF NOT EXISTS temp.${table} USING fts5vocab (main, ${nameOf(index)}, instance)`);
  return db.iterate<Instance>({ text: `SELECT term, doc, col, "offset" FROM temp.${table}`, params: [] });
}

const nameOf = (table: string): string => quoted(table).text;
