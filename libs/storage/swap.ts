import { closeSync, existsSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DomainError } from '#kernel';
import { FileLock } from './file-lock.js';

/** How long one program waits for another that is in the middle of it, in milliseconds. */
const PATIENCE = 5000;

/** Where a new database is prepared before it takes the place of this one, and what it is called there. */
export const stagingOf = (path: string): { directory: string; file: string } => {
  const directory = `${path}.restore`;
  return { directory, file: join(directory, 'new.db') };
};

/**
 * Puts the prepared database in the place of the old one, and returns where the old one is now. A database is three files,
 * and nothing renames three files at once; so renaming the directory decides, and {@link finishSwap} does the rest, here or
 * in whichever program opens the database next. Killed at any moment, it is the old database or the new one.
 */
export function swapIn(path: string): string {
  const { directory, file } = stagingOf(path);
  sync(file);
  sync(directory);
  renameSync(directory, swapOf(path));
  sync(dirname(path));
  return finishSwap(path)!;
}

/** Finishes a swap that was decided: the files of the old database go aside together, then the new one comes in. */
export function finishSwap(path: string): string | undefined {
  const swap = swapOf(path);
  if (!existsSync(swap)) return undefined;
  const lock = FileLock.alone(`${swap}-lock`, PATIENCE);
  try {
    if (lock === undefined) {
      throw new DomainError('unavailable', 'database-being-restored', `${path} is being restored.`, {
        hint: 'Try again when that is done.',
      });
    }
    // Another program may have been quicker while this one waited.
    if (!existsSync(swap)) return undefined;
    const fresh = join(swap, 'new.db');
    if (existsSync(fresh)) {
      for (const suffix of ['-shm', '-wal', '']) {
        if (existsSync(path + suffix)) renameSync(path + suffix, join(swap, `old.db${suffix}`));
      }
      renameSync(fresh, path);
    }
    const aside = `${path}.before-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
    renameSync(swap, aside);
    sync(dirname(path));
    return aside;
  } finally {
    lock?.release();
  }
}

const swapOf = (path: string): string => `${path}.swap`;

/** Has a file, or the names in a directory, on the disk before it returns. */
export function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
