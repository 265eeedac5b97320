import { LogReader } from '#audit-log';
import { unequalRows, unequalWords, isWordIndex, project, type Projector } from '#projections';
import { sql, type Database, type Sql } from '#storage';
import { catalog, projectors } from '../features.js';
import type { Findings } from './report.js';

const rebuild = (projection: string): string => `Rebuild it from the log: abathur projections rebuild ${projection}.`;

/** Entries that are projected at a time. */
const PAGE = 1000;

/** What is compared where a stored row names a row of a cache, whose numbers are another story each time. */
const READ_AS: Record<string, Sql> = {
  search_entries: sql`SELECT e.id AS rowid, e.id, source, subject, namespace, memory_type, t.text_sha256, sequence, place, to_position
                      FROM search_entries e LEFT JOIN search_texts t ON t.id = e.text_id ORDER BY e.id`,
};

/**
 * Derives every projection again from the log, each as far as its checkpoint says, into a scratch database with the same
 * tables, which is kept on disk where it does not fit into memory.
 */
export function deriveAgain(db: Database, scratch: Database, progress: (done: number) => void): void {
  const log = new LogReader(db, catalog);
  const until = new Map(
    db
      .all<{ name: string; position: number }>(sql`SELECT name, position FROM projections`)
      .map(({ name, position }) => [name, position]),
  );
  const last = Math.max(0, ...projectors.map(({ name }) => until.get(name) ?? 0));
  // A projection is derived from events alone, not from the tables of its neighbours.
  scratch.pragma('foreign_keys = OFF');
  for (let position = 0; position < last;) {
    const events = log.all(position, PAGE).filter((event) => event.position <= last);
    if (events.length === 0) throw new Error(`the log ends at ${position}, but checkpoints are at ${last}`);
    scratch.transaction(() => {
      for (const event of events) {
        for (const projector of projectors) {
          if (event.position > (until.get(projector.name) ?? 0)) continue;
          for (const statement of project(projector, [event])) scratch.run(statement);
        }
      }
    });
    position = events.at(-1)!.position;
    progress(events.length);
  }
}

/** FTS5's own check of each index: whether what it keeps fits together. */
export function checkWordIndexes(db: Database, findings: Findings): void {
  for (const { name, tables } of projectors) {
    for (const table of tables.filter((candidate) => isWordIndex(db, candidate))) {
      const lines = db.all<{ integrity_check: string }>({ text: `PRAGMA integrity_check("${table}")`, params: [] });
      for (const { integrity_check: line } of lines) {
        if (line !== 'ok') findings.add({ where: table, what: line, remedy: rebuild(name) });
      }
    }
  }
}

/** Compares the tables of a projection with what the log makes of them, row for row; words are another check's. */
export function checkTables(db: Database, scratch: Database, findings: Findings, only: 'rows' | 'words'): void {
  for (const projector of projectors) {
    for (const table of projector.tables) {
      if (isWordIndex(scratch, table) === (only === 'words')) compare(db, scratch, projector, table, findings);
    }
  }
}

function compare(db: Database, scratch: Database, { name }: Projector, table: string, findings: Findings): void {
  const remedy = rebuild(name);
  try {
    const unequal = isWordIndex(scratch, table)
      ? unequalWords(db, scratch, table)
      : unequalRows(db, scratch, table, READ_AS[table]);
    for (const { row, what, columns } of unequal) {
      const which = columns === undefined ? what : `${what} in ${columns.join(', ')}`;
      findings.add({ where: `${table} ${row}`, what: which, remedy });
    }
  } catch (error) {
    findings.add({ where: table, what: `cannot be read: ${(error as Error).message}`, remedy });
  }
  findings.checked += scratch.one<{ count: number }>({
    text: `SELECT count(*) AS count FROM ${table}`,
    params: [],
  })!.count;
}
