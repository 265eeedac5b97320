import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DomainError, type JsonObject } from '#kernel';
import { sql, type Database, type Sql } from '#storage';
import { verifySlice } from './chain.js';

/** What a whole export has brought. */
export interface Imported {
  entries: number;
  entry_hash: string;
  /** When its last entry was written. */
  time: string | null;
}

/** Entries that are inserted and verified together. */
const PAGE = 5000;
/** Longest line that is read: far above the largest entry that the log takes. */
const LONGEST_LINE = 64 * 1024 * 1024;
const CHUNK = 1024 * 1024;

/**
 * Fills the empty log of a new database from an export, and verifies every entry on the way as it verifies any log: each
 * hash, each link, no position left out. Manifest and last line must agree with what came between. What is wrong is told with
 * its line; the caller throws the database away then.
 */
export async function importLog(
  db: Database,
  file: string,
  onProgress: (done: number, total: number) => void,
): Promise<Imported> {
  const lines = new Lines(file);
  try {
    const manifest = readManifest(lines);
    const indexes = withoutIndexes(db);
    let last: Imported = { entries: 0, entry_hash: '0'.repeat(64), time: null };
    for (;;) {
      const { entries, trailer } = readPage(lines, last.entries);
      if (entries.length > 0) {
        db.transaction(() => insertAll(db, entries));
        last = verified(db, last, entries);
        onProgress(lines.read, lines.size);
        // A turn for signals: whoever asks to stop is heard between two pages.
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (trailer === undefined) continue;
      checkEnd(lines, trailer, last, manifest);
      for (const index of indexes) db.exec(index);
      return last;
    }
  } finally {
    lines.close();
  }
}

interface Manifest {
  head: { position: number; entry_hash: string };
}

function readManifest(lines: Lines): Manifest {
  const { manifest } = (lines.next() ?? {}) as { manifest?: Manifest & Record<string, unknown> };
  if (manifest === undefined || manifest['format'] !== 'abathur-audit') {
    throw wrong(1, 'it is not the manifest of an export of this program');
  }
  if (manifest['version'] !== 1)
    throw wrong(1, `it is of version ${String(manifest['version'])}, and only 1 is known here`);
  if (manifest['complete'] !== true) {
    throw wrong(
      1,
      'the export was filtered, so that it does not hold the whole log',
      'Export once more without a filter.',
    );
  }
  return manifest;
}

type Line = JsonObject;

/** Some entries, each in its place; or what there was before the last line, and the last line. */
function readPage(lines: Lines, before: number): { entries: Line[]; trailer?: Line } {
  const entries: Line[] = [];
  while (entries.length < PAGE) {
    const line = lines.next();
    if (line === undefined) {
      throw wrong(lines.number, 'the export ends after it, without its last line: it was cut off', AGAIN);
    }
    if (line['trailer'] !== undefined)
      return { entries, trailer: { ...(line['trailer'] as Line), found: lines.sha256 } };
    const expected = before + entries.length + 1;
    if (line['position'] !== expected) {
      throw wrong(lines.number, `it should hold entry ${expected}, and holds ${String(line['position'])}`, AGAIN);
    }
    entries.push(line);
  }
  return { entries };
}

function insertAll(db: Database, entries: Line[]): void {
  for (const entry of entries) {
    try {
      db.run(insert(entry));
    } catch (error) {
      throw wrong(lineOf(entry['position'] as number), `the log does not take it (${(error as Error).message})`, AGAIN);
    }
  }
}

function verified(db: Database, before: Imported, entries: Line[]): Imported {
  const to = before.entries + entries.length;
  const { broken_at, reason } = verifySlice.run(db, { from: before.entries + 1, to });
  if (broken_at !== undefined) throw wrong(lineOf(broken_at), reason!, AGAIN);
  const { entry_hash, time } = entries.at(-1) as unknown as Imported;
  return { entries: to, entry_hash, time };
}

function checkEnd(lines: Lines, trailer: Line, last: Imported, { head }: Manifest): void {
  const { number } = lines;
  if (trailer['entries'] !== last.entries || trailer['position'] !== last.entries) {
    throw wrong(number, `it speaks of ${String(trailer['entries'])} entries, and there are ${last.entries}`, AGAIN);
  }
  if (trailer['entry_hash'] !== last.entry_hash)
    throw wrong(number, 'it names another hash than the last entry has', AGAIN);
  if (trailer['sha256'] !== trailer['found'])
    throw wrong(number, 'the lines before it are not those that were written', AGAIN);
  if (head.position !== last.entries || head.entry_hash !== last.entry_hash) {
    throw wrong(1, `the log stood at ${head.position}, and the export ends at ${last.entries}`, AGAIN);
  }
  if (lines.next() !== undefined) throw wrong(lines.number, 'it comes after the last line', AGAIN);
}

/** Line 1 is the manifest. */
const lineOf = (position: number): number => position + 1;

const AGAIN = 'Export once more, or take another copy of the file.';

const wrong = (line: number, what: string, hint?: string): DomainError =>
  new DomainError('invalid', 'bad-export', `Line ${line}: ${what}. No database was made.`, { hint });

/** Takes the indexes off the log while it fills, and returns how they are made again: sorted, in a tenth of the time. */
function withoutIndexes(db: Database): string[] {
  const indexes = db.all<{ name: string; sql: string }>(
    sql`SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'audit' AND sql IS NOT NULL`,
  );
  for (const { name } of indexes) db.exec(`DROP INDEX ${name}`);
  return indexes.map((index) => index.sql);
}

const insert = (e: Line): Sql =>
  sql`INSERT INTO audit (position, event_id, stream, stream_version, type, schema_version, timestamp, actor,
        agent_id, task_id, session_id, memory_operation, memory_namespace, memory_entry_id, correlation_id,
        causation_id, data, salt, envelope_commitment, data_commitment, leaf_hash, entry_hash)
      VALUES (${value(e, 'position')}, ${value(e, 'event_id')}, ${value(e, 'stream')}, ${value(e, 'stream_version')},
        ${value(e, 'type')}, ${value(e, 'schema_version')}, ${value(e, 'time')}, ${value(e, 'actor')},
        ${value(e, 'agent_id')}, ${value(e, 'task_id')}, ${value(e, 'session_id')}, ${value(e, 'memory_operation')},
        ${value(e, 'memory_namespace')}, ${value(e, 'memory_entry_id')}, ${value(e, 'correlation_id')},
        ${value(e, 'causation_id')}, ${value(e, DATA)}, ${bytes(e, 'salt')}, ${bytes(e, 'envelope_commitment')},
        ${bytes(e, 'data_commitment')}, ${bytes(e, 'leaf_hash')}, ${bytes(e, 'entry_hash')})`;

function value(entry: Line, field: string): string | number | null {
  const found = entry[field];
  if (typeof found === 'string' || typeof found === 'number' || found === null) return found;
  throw new TypeError(`${field.trim()} is missing`);
}

function bytes(entry: Line, field: string): Buffer | null {
  const text = value(entry, field);
  if (text === null) return null;
  const read = Buffer.from(String(text), 'hex');
  if (typeof text !== 'string' || 2 * read.length !== text.length) throw new TypeError(`${field} is not hexadecimal`);
  return read;
}

/** Where the text of `data` is kept that an entry's line ends with: it is what was hashed, so it is not spelled anew. */
const DATA = 'data ';
const DATA_FOLLOWS = ',"data":';
const TRAILER = Buffer.from('{"trailer"');

/** Reads a file line by line. */
class Lines {
  readonly size: number;
  /** Bytes read so far. */
  read = 0;
  /** Of the line that was read last, from 1. */
  number = 0;
  /** Of all lines before the last one of the export, once that was read. */
  sha256 = '';
  private readonly descriptor: number;
  private readonly digest = createHash('sha256');
  private rest = Buffer.alloc(0);
  private at = 0;

  constructor(file: string) {
    this.descriptor = openSync(file, 'r');
    this.size = fstatSync(this.descriptor).size;
  }

  next(): Line | undefined {
    let end = this.rest.indexOf(10, this.at);
    while (end < 0) {
      if (!this.more()) return this.refuseHalf();
      end = this.rest.indexOf(10, this.at);
    }
    const line = this.rest.subarray(this.at, end + 1);
    this.at = end + 1;
    this.number += 1;
    if (line.subarray(0, TRAILER.length).equals(TRAILER)) this.sha256 = this.digest.copy().digest('hex');
    this.digest.update(line);
    return parse(line.toString('utf8', 0, line.length - 1), this.number);
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private more(): boolean {
    if (this.rest.length - this.at > LONGEST_LINE) throw wrong(this.number + 1, 'it is longer than any entry');
    const chunk = Buffer.allocUnsafe(CHUNK);
    const count = readSync(this.descriptor, chunk);
    this.read += count;
    this.rest = Buffer.concat([this.rest.subarray(this.at), chunk.subarray(0, count)]);
    this.at = 0;
    return count > 0;
  }

  private refuseHalf(): undefined {
    if (this.rest.length === this.at) return undefined;
    throw wrong(this.number + 1, 'the export breaks off in the middle of it', AGAIN);
  }
}

function parse(text: string, number: number): Line {
  const data = text.indexOf(DATA_FOLLOWS);
  try {
    if (data < 0) return object(JSON.parse(text));
    const line = object(JSON.parse(`${text.slice(0, data)}}`));
    if (!text.endsWith('}')) throw new TypeError('not an object');
    const content = text.slice(data + DATA_FOLLOWS.length, -1);
    line[DATA] = content === 'null' ? null : content;
    return line;
  } catch {
    throw wrong(number, 'it is not a JSON object', AGAIN);
  }
}

function object(line: unknown): Line {
  if (typeof line === 'object' && line !== null && !Array.isArray(line)) return line as Line;
  throw new TypeError('not an object');
}
