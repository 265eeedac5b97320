import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { sql, type Database } from '#storage';
import { RESTORE, type Findings } from './report.js';

/** SQLite's own check, the head of the file, and the tables themselves against those that the migrations make. */
export function checkFile(db: Database, model: Database, head: FileHead, findings: Findings): void {
  for (const { integrity_check: line } of db.all<{ integrity_check: string }>(sql`PRAGMA integrity_check(1000)`)) {
    if (line !== 'ok') findings.add({ where: 'the file', what: line, remedy: remedyFor(line) });
  }
  checkHead(head, findings);
  checkSchema(db, model, findings);
}

/** What an index says wrongly, its table still says rightly. */
function remedyFor(line: string): string {
  const index = /(?:missing from|entries in|in) index (\w+)$/.exec(line)?.[1];
  return index === undefined || index.startsWith('sqlite_') ? RESTORE : `Make it anew: abathur db reindex ${index}.`;
}

const REINDEX = 'Make it again: abathur db reindex --missing.';

export function checkForeignKeys(db: Database, findings: Findings): void {
  const rows = db.iterate<{ table: string; rowid: number | null; parent: string }>(
    sql`SELECT "table", rowid, parent FROM pragma_foreign_key_check()`,
  );
  for (const { table, rowid, parent } of rows) {
    findings.add({
      where: `${table} ${rowid ?? ''}`.trimEnd(),
      what: `refers to a row of ${parent} that is not there`,
      remedy: 'Run the check of tables: it tells which of the two is wrong.',
    });
  }
}

/** What the head of every file of ours holds, and SQLite does not look at: bytes from here, in hexadecimal. */
const HEAD: [offset: number, bytes: string][] = [
  [0, Buffer.from('SQLite format 3\0').toString('hex')],
  // Written and read as WAL, nothing reserved in a page, and the three fractions that never change.
  [18, '020200402020'],
  // Schema format 4, no default cache size, no auto-vacuum, UTF-8, no user version, no incremental vacuum, no application.
  [44, '00000004'],
  [52, '00000000'],
  [56, '00000001'],
  [60, '000000000000000000000000'],
  [72, '00'.repeat(20)],
];

/** The first bytes of a database file, and whether its first page may still be in the write-ahead log alone. */
export interface FileHead {
  bytes: Buffer;
  unfolded: boolean;
}

/**
 * Reads the head of a file past SQLite. Closing a file gives back all locks that its process has on it, SQLite's too: then
 * others take themselves for the last ones and remove the write-ahead log that is still written to. So either nobody in this
 * process has the database open, or `descriptor` is one that stays open for as long as they have.
 */
export function readHead(path: string, descriptor?: number): FileHead {
  const bytes = Buffer.alloc(100);
  const file = descriptor ?? openSync(path, 'r');
  try {
    readSync(file, bytes, 0, bytes.length, 0);
  } finally {
    if (descriptor === undefined) closeSync(file);
  }
  return { bytes, unfolded: (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0 };
}

function checkHead({ bytes: head, unfolded }: FileHead, findings: Findings): void {
  for (const [offset, bytes] of HEAD) {
    const found = head.subarray(offset, offset + bytes.length / 2).toString('hex');
    // Before the first page has come out of the write-ahead log, some of it is not there yet.
    if (found === bytes || (unfolded && /^0+$/.test(found))) continue;
    findings.add({ where: `byte ${offset} of the file`, what: `is ${found} and should be ${bytes}`, remedy: RESTORE });
  }
}

interface Item {
  type: string;
  name: string;
  tbl_name: string;
  sql: string | null;
}

/** Every table, index, view and trigger is spelled as the migrations spell it. */
function checkSchema(db: Database, model: Database, findings: Findings): void {
  const read = sql`SELECT type, name, tbl_name, sql FROM sqlite_schema
                   WHERE name NOT GLOB 'sqlite_stat*' AND name NOT GLOB 'sqlite_sequence' ORDER BY type, name`;
  const want = new Map(model.all<Item>(read).map((item) => [`${item.type} ${item.name}`, item]));
  for (const item of db.all<Item>(read)) {
    const name = `${item.type} ${item.name}`;
    const made = want.get(name);
    want.delete(name);
    findings.checked += 1;
    if (made === undefined) {
      findings.add({ where: name, what: 'is made by no migration', remedy: 'If nobody made it on purpose, drop it.' });
    } else if (made.sql !== item.sql || made.tbl_name !== item.tbl_name) {
      findings.add({ where: name, what: 'is not as its migration makes it', remedy: RESTORE });
    }
  }
  for (const [name, { type }] of want) {
    findings.add({ where: name, what: 'is missing', remedy: type === 'index' ? REINDEX : RESTORE });
  }
}
