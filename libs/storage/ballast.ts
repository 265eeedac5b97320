import { rmSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { diskOf } from './disk.js';

const MEGABYTE = Buffer.alloc(1024 * 1024);
/** How much more than itself a ballast must find free, or it would help to fill the disk. */
const ROOM = 4;

/** The file that is given up first when the disk is full: to make room, SQLite itself needs room. */
export const ballastOf = (path: string): string => `${path}-ballast`;

export const ballastSize = (path: string): number => statSync(ballastOf(path), { throwIfNoEntry: false })?.size ?? 0;

/**
 * Lays a ballast of so many megabytes beside the database, unless it is there or the disk is too full for it. Returns
 * whether it did.
 */
export async function layBallast(path: string, megabytes: number, signal: AbortSignal): Promise<boolean> {
  const bytes = megabytes * MEGABYTE.length;
  if (ballastSize(path) >= bytes || diskOf(path).available < ROOM * bytes) return false;
  const unfinished = `${ballastOf(path)}.part`;
  try {
    const file = await open(unfinished, 'w', 0o600);
    try {
      for (let written = 0; written < megabytes && !signal.aborted; written++) await file.write(MEGABYTE);
      await file.sync();
    } finally {
      await file.close();
    }
    if (!signal.aborted) await rename(unfinished, ballastOf(path));
  } finally {
    await rm(unfinished, { force: true });
  }
  return !signal.aborted;
}

/** Gives the ballast up; returns how many bytes are free by it. */
export function releaseBallast(path: string): number {
  const size = ballastSize(path);
  rmSync(ballastOf(path), { force: true });
  return size;
}
