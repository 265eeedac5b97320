import type { LogReader } from '#audit-log';
import { sql, type Database } from '#storage';
import { project, type Projector } from './projector.js';
import { isWordIndex, quoted } from './tables.js';

/**
 * Replays the log from its beginning through projectors into a scratch database with the same schema, in the order
 * the projectors are listed. Foreign keys are off there: a projection is rebuilt from events alone, not from the
 * tables of its neighbours.
 */
export function replay(log: LogReader, projectors: Projector[], scratch: Database, page = 1000): number {
  scratch.pragma('foreign_keys = OFF');
  let position = 0;
  for (;;) {
    const events = log.all(position, page);
    if (events.length === 0) return position;
    const hole = events.findIndex((event, index) => event.position !== position + 1 + index);
    if (hole >= 0) throw new Error(`The log has no entry ${position + 1 + hole}`);
    scratch.transaction(() => {
      for (const event of events) {
        for (const projector of projectors) {
          for (const statement of project(projector, [event])) scratch.run(statement);
        }
      }
    });
    position = events.at(-1)!.position;
  }
}

export interface Difference {
  table: string;
  only_live: unknown[];
  only_rebuilt: unknown[];
}

/** Compares tables row for row, whatever order the rows are stored in. */
export function differences(live: Database, rebuilt: Database, tables: string[]): Difference[] {
  return tables.flatMap((table) => {
    const [here, there] = [rows(live, table), rows(rebuilt, table)];
    const [only_live, only_rebuilt] = [missing(here, there), missing(there, here)];
    return only_live.length + only_rebuilt.length === 0 && here.length === there.length
      ? []
      : [{ table, only_live, only_rebuilt }];
  });
}

function missing(from: string[], others: string[]): string[] {
  const known = new Set(others);
  return from.filter((row) => !known.has(row));
}

const rows = (db: Database, table: string): string[] =>
  (isWordIndex(db, table) ? wordsIn(db, table) : db.all(sql`SELECT * FROM ${quoted(table)}`))
    .map((row) => JSON.stringify(row))
    .toSorted();

/** A contentless word index tells nothing when its columns are asked for; what it holds are texts, and words in places. */
function wordsIn(db: Database, table: string): unknown[] {
  const instances = quoted(`${table}_instances`);
  db.exec(`CREATE VIRTUAL TABLE temp.${instances.text} USING fts5vocab (main, ${quoted(table).text}, instance)`);
  try {
    const texts = db.all(sql`SELECT rowid FROM ${quoted(table)}`);
    return [...texts, ...db.all(sql`SELECT doc, col, "offset", term FROM temp.${instances}`)];
  } finally {
    db.exec(`DROP TABLE temp.${instances.text}`);
  }
}
