import { existsSync, statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

export interface Disk {
  /** Bytes that this user may still write. */
  available: number;
  size: number;
}

/** The partition that a path is on, or would be. */
export function diskOf(path: string): Disk {
  const { bavail, blocks, bsize } = statfsSync(firstThere(resolve(path)));
  return { available: bavail * bsize, size: blocks * bsize };
}

const firstThere = (path: string): string => (existsSync(path) ? path : firstThere(dirname(path)));

/** Whether an error of SQLite or of the file system says that there is no room for more. */
export function saysFull(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code !== undefined && FULL.includes(code);
}

// A write that a limit of the process or a quota refuses reaches SQLite as an error of input and output.
const FULL = ['SQLITE_FULL', 'SQLITE_IOERR_WRITE', 'SQLITE_IOERR_SHMSIZE', 'ENOSPC', 'EDQUOT', 'EFBIG'];

const KILOBYTE = 1024;
const MEGABYTE = 1024 * KILOBYTE;

/** A size for people: `96 KB`, `1.4 MB`, `2,310 MB`. */
export function megabytes(bytes: number): string {
  const [unit, name] = bytes < MEGABYTE ? [KILOBYTE, 'KB'] : [MEGABYTE, 'MB'];
  const maximumFractionDigits = unit === MEGABYTE && bytes < 100 * MEGABYTE ? 1 : 0;
  return `${(bytes / unit).toLocaleString('en-US', { maximumFractionDigits })} ${name}`;
}
