import { DomainError } from '#kernel';
import { Database, sql, type DatabaseOptions } from '#storage';
import type { ErasedRange, RowCounts } from './erasure.events.js';
import { deleteRowsOf, purgeCaches, sweepRows } from './erasure.rows.js';

/** Entries that lose their content in one transaction. */
const PAGE = 200;

/** Word indexes: a deleted word stays in their segments until these are merged. */
const WORD_INDEXES = ['memory_words', 'document_words'];

/** How often the write-ahead log is tried to be emptied while readers are looking at it, every 50 milliseconds. */
const CHECKPOINT_TRIES = 200;

/** A connection that overwrites with zeros what it removes. */
export function openToErase(file: Pick<DatabaseOptions, 'path' | 'synchronous'>): Database {
  const db = Database.open({ ...file, purpose: 'upkeep' });
  db.pragma('secure_delete = ON');
  return db;
}

/**
 * Takes content, salt and envelope from the entries that erasures name, and with each entry the rows that it made. From the
 * end of the log to its beginning, so that what refers to something goes before it. Done again, it does what is left.
 */
export function redact(
  db: Database,
  ranges: ErasedRange[],
  counts: RowCounts,
  onProgress: (done: number, total: number) => void = () => undefined,
): void {
  const total = ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  let done = 0;
  for (const positions of pages(ranges)) {
    db.transaction(() => {
      const { changes } = db.run(
        sql`UPDATE audit SET data = NULL, salt = NULL, event_id = NULL, stream = 'erased:' || position, actor = 'erased',
              agent_id = NULL, task_id = NULL, session_id = NULL, memory_operation = NULL, memory_namespace = NULL,
              memory_entry_id = NULL, correlation_id = 'erased', causation_id = NULL
            WHERE position IN (SELECT value FROM json_each(${JSON.stringify(positions)})) AND data IS NOT NULL`,
      );
      if (changes > 0) counts['audit'] = (counts['audit'] ?? 0) + changes;
      deleteRowsOf(db, positions, counts);
    });
    done += positions.length;
    onProgress(done, total);
  }
  db.transaction(() => sweepRows(db, counts));
}

/** What no rebuild makes anew: answers by idempotency key, texts and vectors without an owner. */
export function purge(db: Database, counts: RowCounts): void {
  db.transaction(() => purgeCaches(db, counts));
}

/** Leaves nothing between the rows: merges word indexes, writes the file anew, and empties the write-ahead log. */
export async function scrub(db: Database): Promise<void> {
  for (const index of WORD_INDEXES) db.exec(`INSERT INTO ${index} (${index}) VALUES ('optimize')`);
  db.exec('VACUUM');
  for (let tries = 0; db.pragma<number>('wal_checkpoint(TRUNCATE)') !== 0; tries++) {
    if (tries === CHECKPOINT_TRIES) {
      throw new DomainError('unavailable', 'wal-in-use', 'Somebody has been reading since before the erasure began.', {
        hint: 'End what reads for so long; the erasure goes on at the next start, or when it is asked for again.',
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function* pages(ranges: ErasedRange[]): Iterable<number[]> {
  let page: number[] = [];
  for (const [first, last] of ranges.toReversed()) {
    for (let position = last; position >= first; position--) {
      page.push(position);
      if (page.length < PAGE) continue;
      yield page;
      page = [];
    }
  }
  if (page.length > 0) yield page;
}
