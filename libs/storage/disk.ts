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

export const megabytes = (bytes: number): string =>
  `${(bytes / 1024 / 1024).toLocaleString('en-US', { maximumFractionDigits: bytes < 100 * 1024 * 1024 ? 1 : 0 })} MB`;
