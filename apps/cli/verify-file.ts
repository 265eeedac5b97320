import { verifySlice, witnessedHead, type Verification } from '#audit-log';
import { sql, type Database } from '#storage';
import { Progress } from './progress.js';
import { openToRead } from './target.js';

/** Entries between two looks at the progress. */
const SLICE = 10_000;

/** Recomputes the chain of the log in a file. */
export function verifyFile(path: string, quiet: boolean): Verification {
  const db = openToRead(path);
  try {
    return verifyLog(db, quiet);
  } finally {
    db.close();
  }
}

function verifyLog(db: Database, quiet: boolean): Verification {
  const head = db.one<Verification['head']>(
    sql`SELECT position, lower(hex(entry_hash)) AS entry_hash, timestamp AS time FROM audit ORDER BY position DESC LIMIT 1`,
  ) ?? { position: 0, entry_hash: '0'.repeat(64), time: null };
  const last = witnessedHead.run(db, null);
  const progress = new Progress('Verifying', last, process.stderr, quiet || last < SLICE);
  let checked = 0;
  for (let from = 1; from <= last; from += SLICE) {
    const slice = verifySlice.run(db, { from, to: Math.min(from + SLICE - 1, last) });
    checked += slice.checked;
    progress.add(slice.checked);
    if (slice.broken_at !== undefined) {
      return { ok: false, checked, head, broken_at: slice.broken_at, reason: slice.reason };
    }
  }
  progress.end();
  return { ok: true, checked, head };
}
