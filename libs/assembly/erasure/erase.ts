import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '#kernel';
import { Database, sql, type DatabaseOptions } from '#storage';
import type { ErasedRange, RowCounts } from './erasure.events.js';
import { hashAt } from './erasure.plan.js';
import { deleteRowsOf, purgeTexts, sweepRows } from './erasure.rows.js';

/** Entries that lose their content in one transaction, or those of one stream, where that has more. */
const PAGE = 200;

/** Between two transactions, in milliseconds: who waits to write has its turn. */
const TURN = 5;

/** Word indexes: a word that went stays in their segments until these are merged. */
const WORD_INDEXES = ['memory_words', 'document_words'];

/** How often the write-ahead log is tried to be emptied while readers are looking at it, every 50 milliseconds. */
const CHECKPOINT_TRIES = 400;

export type OnErased = (done: number, total: number) => void;

/** A connection that overwrites with zeros what it removes. */
export function openToErase(file: Pick<DatabaseOptions, 'path' | 'synchronous'>): Database {
  const db = Database.open({ ...file, purpose: 'upkeep' });
  db.pragma('secure_delete = ON');
  return db;
}

/**
 * Takes content, salt and envelope from the entries that an erasure names, and with each entry the rows that it made. A
 * stream goes in one transaction, so nobody ever writes to half of one. Done again, it does what is left.
 */
export async function redact(
  db: Database,
  ranges: ErasedRange[],
  counts: RowCounts,
  onProgress: OnErased = () => undefined,
): Promise<void> {
  const streams = [...streamsIn(db, ranges).values()];
  const total = streams.reduce((sum, { length }) => sum + length, 0);
  let done = 0;
  for (const positions of together(streams)) {
    db.transaction(() => {
      deleteRowsOf(db, positions, counts);
      const { changes } = db.run(
        sql`UPDATE audit SET data = NULL, salt = NULL, event_id = NULL, stream = 'erased:' || position, actor = 'erased',
              agent_id = NULL, task_id = NULL, session_id = NULL, memory_operation = NULL, memory_namespace = NULL,
              memory_entry_id = NULL, correlation_id = 'erased:' || position, causation_id = NULL
            WHERE position IN (SELECT value FROM json_each(${JSON.stringify(positions)}))`,
      );
      counts['audit'] = (counts['audit'] ?? 0) + changes;
    });
    onProgress((done += positions.length), total);
    await sleep(TURN);
  }
  db.transaction(() => sweepRows(db, counts));
}

/** What no rebuild makes anew: texts and vectors that nobody has any more. */
export function purge(db: Database, counts: RowCounts): void {
  db.transaction(() => purgeTexts(db, counts));
}

/** Leaves nothing between the rows: merges word indexes, and writes the file anew. */
export function scrub(db: Database): void {
  for (const index of WORD_INDEXES) db.exec(`INSERT INTO ${index} (${index}) VALUES ('optimize')`);
  db.exec('VACUUM');
}

/** Leaves nothing in the write-ahead log, once nobody reads any more what was there before. */
export async function emptyLog(db: Database): Promise<void> {
  // Who writes waits as long as a try does.
  db.pragma('busy_timeout = 100');
  for (let tries = 0; db.pragma<number>('wal_checkpoint(TRUNCATE)') !== 0; tries++) {
    if (tries === CHECKPOINT_TRIES) {
      throw new DomainError('unavailable', 'wal-in-use', 'Somebody has been reading since before the erasure began.', {
        hint: 'End what reads for so long, a backup or an export. The erasure goes on at the next start, or when it is asked for again.',
      });
    }
    await sleep(50);
  }
}

/** The entries of these ranges that still have their content, by stream. */
function streamsIn(db: Database, ranges: ErasedRange[]): Map<string, number[]> {
  const streams = new Map<string, number[]>();
  for (const [first, last, firstHash, lastHash] of ranges) {
    // What is meant is this very entry: positions alone might be those of another history.
    if (hashAt(db, first) !== firstHash || hashAt(db, last) !== lastHash) continue;
    for (const { position, stream } of db.all<{ position: number; stream: string }>(
      sql`SELECT position, stream FROM audit WHERE position BETWEEN ${first} AND ${last} AND salt IS NOT NULL`,
    )) {
      const known = streams.get(stream);
      if (known === undefined) streams.set(stream, [position]);
      else known.push(position);
    }
  }
  return streams;
}

/** Small streams together, large ones alone. */
function* together(streams: number[][]): Iterable<number[]> {
  let page: number[] = [];
  for (const positions of streams) {
    page.push(...positions);
    if (page.length < PAGE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
