import { defineRead, sql } from '#storage';
import { flawOf, GENESIS, type Entry } from './entry.js';

export interface VerifyInput {
  /** First position to check. */
  from: number;
  /** Last position to check. */
  to: number;
}

export interface VerifySlice {
  checked: number;
  broken_at?: number;
  reason?: string;
}

/**
 * Recomputes the chain from `from` to `to`, both inclusive: every commitment, leaf hash and link, and that no
 * position is missing. Long logs are verified slice by slice, so that no reader is held for minutes.
 */
export const verifySlice = defineRead('audit.verify', (db, { from, to }: VerifyInput): VerifySlice => {
  let previous: Buffer = GENESIS;
  if (from > 1) {
    const before = db.one<{ entry_hash: Buffer }>(sql`SELECT entry_hash FROM audit WHERE position = ${from - 1}`);
    if (before === undefined) return { checked: 0, broken_at: from - 1, reason: 'the entry is missing' };
    previous = before.entry_hash;
  }
  let expected = from;
  const rows = db.iterate<Entry>(sql`SELECT * FROM audit WHERE position BETWEEN ${from} AND ${to} ORDER BY position`);
  for (const entry of rows) {
    if (entry.position !== expected) {
      return { checked: expected - from, broken_at: expected, reason: 'the entry is missing' };
    }
    const reason = flawOf(entry, previous);
    if (reason !== undefined) return { checked: expected - from, broken_at: expected, reason };
    previous = entry.entry_hash;
    expected += 1;
  }
  if (expected <= to) return { checked: expected - from, broken_at: expected, reason: 'the entry is missing' };
  return { checked: expected - from };
});

/**
 * The last position that anything in the file has seen: entries cut off the end of the log leave checkpoints behind
 * that are ahead of it.
 */
export const witnessedHead = defineRead('audit.witnessed-head', (db): number => {
  const { position } = db.one<{ position: number }>(
    sql`SELECT max((SELECT coalesce(max(position), 0) FROM projections),
                   (SELECT coalesce(max(position), 0) FROM audit)) AS position`,
  )!;
  return position;
});

export interface Verification {
  ok: boolean;
  checked: number;
  head: { position: number; entry_hash: string; time: string | null };
  broken_at?: number;
  reason?: string;
}
