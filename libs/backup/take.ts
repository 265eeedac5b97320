import { rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DomainError } from '#kernel';
import { copyInto, diskOf, megabytes, saysFull } from '#storage';
import { inspect } from './inspect.js';
import type { Manifest, Reason } from './manifest.js';
import { pack, PACKING, unpack } from './packing.js';
import { Shelf, type Backup } from './shelf.js';
import type { Report } from './steps.js';

export interface TakeOptions {
  database: string;
  directory: string;
  reason: Reason;
  keepDays: number;
  programVersion: string;
}

/** The file that SQLite writes the copy to; how large it is tells how far that is. */
export const COPY = 'copy.db';

/**
 * Takes a backup while others write: a copy of one moment, packed, then unpacked again and checked as a restore would. What
 * the manifest says is read from that second copy, so it cannot say more than what can be had back.
 */
export async function takeBackup(options: TakeOptions, report: Report): Promise<Backup & { removed: string[] }> {
  const { database, reason, keepDays } = options;
  if (statSync(database, { throwIfNoEntry: false }) === undefined) {
    throw new DomainError('unavailable', 'no-database', `There is no database at ${database}.`, {
      hint: 'Set ABATHUR_DB_PATH to the file.',
    });
  }
  const shelf = new Shelf(options.directory);
  const lock = shelf.reserve();
  const begin = performance.now();
  const created_at = new Date().toISOString();
  const id = created_at.replaceAll(/[:.]/g, '-');
  try {
    refuseLittleSpace(database, shelf.directory);
    const workplace = shelf.workplace(id);
    try {
      const made = await makeCopy(database, workplace, report);
      const seconds = Math.round(performance.now() - begin) / 1000;
      const manifest: Manifest = {
        format: 1,
        id,
        reason,
        created_at,
        program_version: options.programVersion,
        ...made,
        seconds,
      };
      return { ...shelf.finish(workplace, manifest), removed: shelf.prune(keepDays, Date.parse(created_at)) };
    } catch (error) {
      rmSync(workplace, { recursive: true, force: true });
      throw error;
    }
  } catch (error) {
    if (saysFull(error)) throw full(`The disk became full while the backup into ${shelf.directory} was made.`);
    throw error;
  } finally {
    lock.release();
  }
}

async function makeCopy(database: string, workplace: string, report: Report) {
  const [copy, check] = [join(workplace, COPY), join(workplace, 'check.db')];
  const packed = join(workplace, `abathur.db.${PACKING === 'zstd' ? 'zst' : 'gz'}`);
  const total = statSync(database).size;
  report({ step: 'copy', done: 0, total, file: copy });
  copyInto(database, copy);
  const size = statSync(copy).size;
  let done = 0;
  report({ step: 'pack', done, total: size });
  const passed = await pack(copy, packed, (bytes) => report({ step: 'pack', done: (done += bytes), total: size }));
  rmSync(copy);
  done = 0;
  const expected = { packing: PACKING, ...passed };
  await unpack(packed, check, expected, (bytes) => report({ step: 'unpack', done: (done += bytes), total: size }));
  const contents = inspect(check, (entries, of) => report({ step: 'verify', done: entries, total: of }));
  rmSync(check);
  return {
    ...contents,
    database: passed.plain,
    packed: { file: basename(packed), packing: PACKING, ...passed.packed },
  };
}

/** The copy and what it packs to are on the disk together: together at most twice the database. */
function refuseLittleSpace(database: string, directory: string): void {
  const wal = statSync(`${database}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  const needed = 2 * (statSync(database).size + wal);
  const { available } = diskOf(directory);
  if (available >= needed) return;
  throw full(
    `A backup into ${directory} needs ${megabytes(needed)}, ${megabytes(available)} are free: ${megabytes(needed - available)} are missing.`,
  );
}

const full = (message: string): DomainError =>
  new DomainError('storage-full', 'backup-disk-full', message, {
    hint: 'Nothing of it was kept. Free space there, or name another directory with ABATHUR_BACKUP_DIR or --out.',
  });
