import { existsSync } from 'node:fs';
import { readConfig } from '#assembly';
import { verifySlice, witnessedHead, type Verification } from '#audit-log';
import { Database, sql } from '#storage';
import { EXIT, Failure } from './failure.js';
import { count, duration, Progress } from './progress.js';
import type { Rest } from './rest.js';

/** Entries between two looks at the progress. */
const SLICE = 10_000;

/** Recomputes the chain: of a running server's log, or of the database file itself. Exit code 1: it is broken. */
export async function verify(rest: Rest | undefined, json: boolean): Promise<number> {
  const begin = performance.now();
  const verification = rest === undefined ? verifyFile(json) : await verifyServer(rest);
  const seconds = (performance.now() - begin) / 1000;
  if (json) process.stdout.write(`${JSON.stringify({ ...verification, seconds })}\n`);
  else process.stdout.write(sentence(verification, seconds));
  return verification.ok ? 0 : EXIT.no;
}

async function verifyServer(rest: Rest): Promise<Verification> {
  const { body } = await rest.post<Verification>('/v1/audit/verify', {});
  return body;
}

function verifyFile(quiet: boolean): Verification {
  const { ABATHUR_DB_PATH: path } = readConfig(process.env);
  if (!existsSync(path)) {
    throw new Failure(
      EXIT.noInput,
      'no-database',
      `There is no database at ${path}.`,
      'Set ABATHUR_DB_PATH to the file, or ask a running server with --url.',
    );
  }
  const db = Database.open({ path, readonly: true });
  try {
    return verifyLog(db, quiet);
  } finally {
    db.close();
  }
}

function verifyLog(db: Database, quiet: boolean): Verification {
  const [audit] = db.all(sql`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'audit'`);
  if (audit === undefined) {
    throw new Failure(
      EXIT.data,
      'no-log',
      `${db.path} holds no log.`,
      'Is it the right file? abathur migrate makes the tables.',
    );
  }
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

function sentence({ ok, checked, head, broken_at, reason }: Verification, seconds: number): string {
  if (!ok) return `The chain is broken at ${broken_at}: ${reason}. The ${count(checked)} entries before it hold.\n`;
  return `The chain holds: ${count(checked)} entries in ${duration(seconds)}.\nHead ${head.position} ${head.entry_hash}\n`;
}
