import { closeSync, existsSync, mkdirSync, openSync, rmSync, statfsSync, statSync } from 'node:fs';
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

/** Whether the file system takes no writes at all: SQLite tells of that as of any other error. */
export function takesNoWrites(path: string): boolean {
  const probe = `${path}.probe-${process.pid}`;
  try {
    closeSync(openSync(probe, 'wx', 0o600));
    rmSync(probe);
    return false;
  } catch (error) {
    return (error as { code?: string }).code === 'EROFS';
  }
}

/**
 * Makes a directory and those above it. Node's own way to do that never comes back where the parent is there and yet takes
 * none, as /proc does.
 */
export function makeDirectory(path: string, mode?: number): void {
  const missing: string[] = [];
  for (let at = resolve(path); !existsSync(at); at = dirname(at)) missing.unshift(at);
  if (missing.length === 0) missing.push(path);
  for (const directory of missing) {
    try {
      mkdirSync(directory, { mode });
    } catch (error) {
      if ((error as { code?: string }).code !== 'EEXIST' || !statSync(directory).isDirectory()) throw error;
    }
  }
}

const KILOBYTE = 1024;
const MEGABYTE = 1024 * KILOBYTE;

/** A size for people: `96 KB`, `1.4 MB`, `2,310 MB`. */
export function megabytes(bytes: number): string {
  const [unit, name] = bytes < MEGABYTE ? [KILOBYTE, 'KB'] : [MEGABYTE, 'MB'];
  const maximumFractionDigits = unit === MEGABYTE && bytes < 100 * MEGABYTE ? 1 : 0;
  return `${(bytes / unit).toLocaleString('en-US', { maximumFractionDigits })} ${name}`;
}
