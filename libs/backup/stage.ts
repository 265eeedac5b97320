import { existsSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { positionAt } from '#audit-log';
import { DomainError, invalid } from '#kernel';
import { Database, diskOf, FileLock, makeDirectory, megabytes, migrate, saysFull, sql, stagingOf } from '#storage';
import { inspect, type Contents } from './inspect.js';
import type { Knowledge } from './knowledge.js';
import { lossOf, type Loss } from './loss.js';
import { damaged, readManifest, type Manifest } from './manifest.js';
import { unpack } from './packing.js';
import type { Report } from './steps.js';
import { trimTo } from './trim.js';

export interface StageOptions {
  /** Directory of the backup. */
  backup: string;
  /** The database whose place it is to take. */
  target: string;
  toPosition?: number;
  /** ISO-8601 UTC. */
  toTime?: string;
  /** Directory whose list of erasures counts besides that which lies beside the backup. */
  shelf?: string;
}

/** A database that is whole and checked, and not in its place yet. */
export interface Staged {
  manifest: Manifest;
  log: Contents['log'];
  migrated: string[];
  trimmed: boolean;
  /** How many erasures were done again, because the backup is older than they are. */
  erased_again: number;
  loss: Loss;
}

/** How long it waits for another one to end, in milliseconds. */
const PATIENCE = 60_000;

/** Prepares a restore beside its target, which is not touched: unpack, check, bring up to date, cut, check again. */
export async function stage(options: StageOptions, knowledge: Knowledge, report: Report): Promise<Staged> {
  const { directory, file } = stagingOf(options.target);
  const manifest = readManifest(options.backup);
  refuseNewer(manifest, knowledge);
  // The process of a restore that was killed may not have noticed yet, and still work on the same file.
  const lock = FileLock.alone(`${directory}-lock`, PATIENCE);
  if (lock === undefined) {
    throw new DomainError('conflict', 'restore-running', `Another restore of ${options.target} is being prepared.`, {
      hint: 'Wait for its end. Nothing was changed.',
    });
  }
  try {
    // What an earlier one has left behind, which was cut off before it was decided.
    rmSync(directory, { recursive: true, force: true });
    refuseLittleSpace(manifest, options);
    makeDirectory(directory, 0o700);
    await unpackInto(file, options.backup, manifest, report);
    const found = inspect(file, (entries, of) => report({ step: 'verify', done: entries, total: of }));
    refuseOtherContents(manifest, found);
    const staged = finishCopy(file, found, options, knowledge, report);
    const erased_again = await eraseAgain(file, options, knowledge, report);
    // What was erased again ends the log of the copy.
    const log = erased_again > 0 ? inspect(file).log : staged.log;
    return { manifest, ...staged, log, erased_again };
  } catch (error) {
    if (saysFull(error)) throw full(`The disk became full while ${options.target} was prepared.`);
    throw error;
  } finally {
    lock.release();
  }
}

async function unpackInto(file: string, backup: string, manifest: Manifest, report: Report): Promise<void> {
  const { packed, database } = manifest;
  let done = 0;
  await unpack(join(backup, packed.file), file, { packing: packed.packing, packed, plain: database }, (bytes) =>
    report({ step: 'unpack', done: (done += bytes), total: database.size }),
  );
}

function finishCopy(
  file: string,
  found: Contents,
  { target, ...options }: StageOptions,
  knowledge: Knowledge,
  report: Report,
): Omit<Staged, 'manifest' | 'erased_again'> {
  const pending = pendingIn(file, knowledge);
  const old = pending.length > 0;
  const position = wanted(file, found, options);
  const trimmed = position < found.log.position;
  if (old || trimmed) {
    const db = Database.open({ path: file, synchronous: 'NORMAL' });
    try {
      if (old) migrate(db, knowledge.migrations);
      if (trimmed) {
        report({ step: 'trim', done: 0, total: position });
        trimTo(db, position, knowledge);
      }
    } finally {
      db.close();
    }
  }
  const { log } = old || trimmed ? inspect(file) : found;
  const copy = Database.open({ path: file, readonly: true });
  try {
    return { log, migrated: pending, trimmed, loss: lossOf(target, existsSync(target), log, copy) };
  } finally {
    copy.close();
  }
}

/** What was erased since the backup was taken does not come back with it. */
async function eraseAgain(
  file: string,
  { backup, shelf }: StageOptions,
  knowledge: Knowledge,
  report: Report,
): Promise<number> {
  let erased = 0;
  for (const directory of new Set([dirname(resolve(backup)), ...(shelf === undefined ? [] : [resolve(shelf)])])) {
    erased += await knowledge.eraseAgain(file, directory, (done, total) => report({ step: 'erase', done, total }));
  }
  return erased;
}

function pendingIn(file: string, { migrations }: Knowledge): string[] {
  const db = Database.open({ path: file, readonly: true });
  try {
    const applied = db.all<{ version: number }>(sql`SELECT version FROM schema_migrations`);
    const known = new Set(applied.map(({ version }) => version));
    return migrations.filter(({ version }) => !known.has(version)).map(({ name }) => name);
  } finally {
    db.close();
  }
}

/** The position that the restored log is to end at. */
function wanted(file: string, { log }: Contents, { toPosition, toTime }: Omit<StageOptions, 'target'>): number {
  if (toPosition !== undefined) {
    if (toPosition < 1 || toPosition > log.position) {
      throw beyond('to-position', `the log of this backup goes from 1 to ${log.position}, not to ${toPosition}`);
    }
    return toPosition;
  }
  if (toTime === undefined) return log.position;
  if (log.time === null || toTime > log.time) {
    throw beyond('to-time', `the log of this backup ends at ${log.time ?? 'its beginning'}, before ${toTime}`);
  }
  const db = Database.open({ path: file, readonly: true });
  try {
    const position = positionAt.run(db, toTime);
    if (position === 0) throw beyond('to-time', `the log of this backup begins after ${toTime}`);
    return position;
  } finally {
    db.close();
  }
}

const beyond = (field: string, detail: string): DomainError =>
  invalid(field, detail, 'Choose another backup (abathur backup list), or take one now: abathur backup.');

function refuseNewer({ schema_version, program_version }: Manifest, { migrations }: Knowledge): void {
  const newest = Math.max(...migrations.map(({ version }) => version));
  if (schema_version <= newest) return;
  throw new DomainError(
    'unavailable',
    'backup-too-new',
    `The backup has schema ${schema_version}, this program knows ${newest}.`,
    { hint: `Restore it with the program that made it, version ${program_version}, or a newer one.` },
  );
}

function refuseOtherContents({ log, schema_version }: Manifest, found: Contents): void {
  const [says, has] = [log, found.log].map(({ position, entry_hash }) => `${position} ${entry_hash}`);
  if (says !== has) throw damaged(`The log of the backup ends with ${has}, but the manifest says ${says}.`);
  if (schema_version !== found.schema_version) {
    throw damaged(`The backup has schema ${found.schema_version}, but the manifest says ${schema_version}.`);
  }
}

/** Room for the copy; for another one where it is cut, because VACUUM writes it anew. */
function refuseLittleSpace({ database }: Manifest, { target, toPosition, toTime }: StageOptions): void {
  const needed = database.size * (toPosition === undefined && toTime === undefined ? 1.1 : 3);
  const { available } = diskOf(target);
  if (available >= needed) return;
  throw full(
    `Restoring beside ${target} needs ${megabytes(needed)}, ${megabytes(available)} are free: ${megabytes(needed - available)} are missing.`,
  );
}

const full = (message: string): DomainError =>
  new DomainError('storage-full', 'restore-disk-full', message, {
    hint: 'Nothing was changed. Free space there: abathur ballast release gives some at once.',
  });
