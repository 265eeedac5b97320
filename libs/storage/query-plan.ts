import type { Reader } from './database.js';
import type { Sql } from './sql.js';

/** How SQLite goes about a statement, step by step, in its own words. */
export const queryPlan = (db: Reader, { text, params }: Sql): string[] =>
  db.all<{ detail: string }>({ text: `EXPLAIN QUERY PLAN ${text}`, params }).map(({ detail }) => detail);

/**
 * The steps that read a table from end to end. In the order of an index is something else, unless all of it is sorted
 * afterwards; and so is what was just made.
 */
export function fullScans(steps: string[]): string[] {
  const made = steps.flatMap((step) => /^(?:MATERIALIZE|CO-ROUTINE) (\w+)$/.exec(step)?.[1] ?? []);
  const sorted = steps.includes('USE TEMP B-TREE FOR ORDER BY');
  const whole = sorted ? /^SCAN (\w+)( USING (COVERING )?INDEX \w+)?$/ : /^SCAN (\w+)$/;
  return steps.filter((step) => {
    const table = whole.exec(step)?.[1];
    return table !== undefined && !made.includes(table);
  });
}

/** What was asked, and how long it took. */
export interface Asked {
  statement: Sql;
  milliseconds: number;
}

/** A reader that keeps a list of what it is asked. */
export function recordingReader(db: Reader, asked: Asked[]): Reader {
  const timed = <T>(statement: Sql, ask: () => T): T => {
    const begin = performance.now();
    const answer = ask();
    asked.push({ statement, milliseconds: performance.now() - begin });
    return answer;
  };
  return {
    one: <Row>(statement: Sql) => timed(statement, () => db.one<Row>(statement)),
    all: <Row>(statement: Sql) => timed(statement, () => db.all<Row>(statement)),
    // Taken as a whole: the time is that of the rows, not of the first of them.
    iterate: <Row>(statement: Sql) =>
      timed(statement, () => db.all<Row>(statement))[Symbol.iterator]() as IterableIterator<Row>,
    snapshot: (work) => db.snapshot(work),
  };
}
