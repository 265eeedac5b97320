import { availableParallelism } from 'node:os';
import { existsSync } from 'node:fs';
import { openReaders, readConfig, type Config } from '#assembly';
import { verifyRange, verifySlice, witnessedHead, type Verification } from '#audit-log';
import { Database, sql } from '#storage';
import { EXIT, Failure } from './failure.js';
import { count, duration, Progress } from './progress.js';
import type { Rest } from './rest.js';

/** So many entries take a second or so: work that long shows how far it is. */
const LONG = 100_000;

/** Recomputes the chain: of a running server's log, or of the database file itself. Exit code 1: it is broken. */
export async function verify(rest: Rest | undefined, json: boolean): Promise<number> {
  const begin = performance.now();
  const verification = await (rest === undefined ? verifyFile(json) : verifyServer(rest));
  const seconds = (performance.now() - begin) / 1000;
  if (json) process.stdout.write(`${JSON.stringify({ ...verification, seconds })}\n`);
  else process.stdout.write(sentence(verification, seconds));
  return verification.ok ? 0 : EXIT.no;
}

async function verifyServer(rest: Rest): Promise<Verification> {
  const { body } = await rest.post<Verification>('/v1/audit/verify', {});
  return body;
}

async function verifyFile(quiet: boolean): Promise<Verification> {
  const config = readConfig(process.env);
  const path = config.ABATHUR_DB_PATH;
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
    return await verifyLog(db, config, quiet);
  } finally {
    db.close();
  }
}

async function verifyLog(db: Database, config: Config, quiet: boolean): Promise<Verification> {
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
  const progress = new Progress('Verifying', last, process.stderr, quiet || last < LONG);
  const atOnce = last < LONG ? 1 : availableParallelism();
  const readers = openReaders(config);
  try {
    const range = { from: 1, to: last };
    const result = await verifyRange(
      (slice) => readers.run(verifySlice, slice),
      range,
      atOnce,
      (entries) => progress.add(entries),
    );
    if (result.broken_at === undefined) progress.end();
    return { ok: result.broken_at === undefined, head, ...result };
  } finally {
    await readers.close();
  }
}

function sentence({ ok, checked, head, broken_at, reason }: Verification, seconds: number): string {
  if (!ok) return `The chain is broken at ${broken_at}: ${reason}. The ${count(checked)} entries before it hold.\n`;
  return `The chain holds: ${count(checked)} entries in ${duration(seconds)}.\nHead ${head.position} ${head.entry_hash}\n`;
}
