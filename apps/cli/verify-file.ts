import { availableParallelism } from 'node:os';
import { openReaders, readConfig } from '#assembly';
import { erasedUnasked, verifyRange, verifySlice, witnessedHead, type Verification } from '#audit-log';
import { sql, type Database } from '#storage';
import { Progress } from './progress.js';
import { openToRead } from './target.js';

/** So many entries take about a second: such work shows how far it is, and is shared out. */
const LONG = 100_000;

/** Recomputes the chain of the log in a file. */
export async function verifyFile(path: string, quiet: boolean): Promise<Verification> {
  const db = openToRead(path);
  try {
    return await verifyLog(db, path, quiet);
  } finally {
    db.close();
  }
}

async function verifyLog(db: Database, path: string, quiet: boolean): Promise<Verification> {
  const head = db.one<Verification['head']>(
    sql`SELECT position, lower(hex(entry_hash)) AS entry_hash, timestamp AS time FROM audit ORDER BY position DESC LIMIT 1`,
  ) ?? { position: 0, entry_hash: '0'.repeat(64), time: null };
  const last = witnessedHead.run(db, null);
  const range = { from: 1, to: last };
  if (last < LONG) {
    return verdict(db, range, head, await verifyRange(async (slice) => verifySlice.run(db, slice), range, 1));
  }
  const progress = new Progress('Verifying', last, process.stderr, quiet);
  const readers = openReaders({ ...readConfig(process.env), ABATHUR_DB_PATH: path });
  try {
    const result = await verifyRange(
      (slice) => readers.run(verifySlice, slice),
      range,
      availableParallelism(),
      (entries) => progress.add(entries),
    );
    if (result.broken_at === undefined) progress.end();
    return verdict(db, range, head, result);
  } finally {
    await readers.close();
  }
}

type Found = Pick<Verification, 'checked' | 'broken_at' | 'reason'>;

/** What is whole was also not emptied without an order. */
function verdict(
  db: Database,
  range: { from: number; to: number },
  head: Verification['head'],
  found: Found,
): Verification {
  const result = found.broken_at === undefined ? (erasedUnasked.run(db, range) ?? found) : found;
  return { ok: result.broken_at === undefined, head, ...result };
}
