import { openSync, readSync } from 'node:fs';

/** Where the write-ahead log stands, as SQLite notes it in the index beside it (sqlite.org/walformat.html). */
export interface WalState {
  /** Pages in it, and how many of them have been folded into the database. */
  frames: number;
  folded: number;
  /** Changes whenever the log begins anew at its front. */
  round: number;
}

/** What a commit did besides: SQLite folds the log back when that has grown to a thousand pages. */
export interface WalNews {
  /** `complete`: all of it. `partial`: up to where somebody still reads. `blocked`: tried, and not a page. */
  checkpoint?: CheckpointResult;
  /** How often the log began anew. */
  resets: number;
}

export const CHECKPOINT_RESULTS = ['complete', 'partial', 'blocked'] as const;
export type CheckpointResult = (typeof CHECKPOINT_RESULTS)[number];

/** Where these numbers stand in the index, which is in the byte order of the machine. */
const HEADER = 136;
const FRAMES = 16;
const SALT = 32;
const FOLDED = 96;

/**
 * Looks at the write-ahead log without asking SQLite. The index is opened once and never closed: closing any handle of a
 * file gives up the locks that SQLite holds on it in this process.
 */
export class WalWatch {
  private index: number | undefined;
  private readonly header = Buffer.alloc(HEADER);

  constructor(private readonly path: string) {}

  look(): WalState | undefined {
    try {
      this.index ??= openSync(`${this.path}-shm`, 'r');
      if (readSync(this.index, this.header, 0, HEADER, 0) < HEADER) return undefined;
    } catch {
      return undefined;
    }
    return {
      frames: readNumber(this.header, FRAMES),
      folded: readNumber(this.header, FOLDED),
      // The salt is kept as the log spells it, the high byte first.
      round: this.header.readUInt32BE(SALT),
    };
  }
}

const readNumber = (header: Buffer, at: number): number => header.readUInt32LE(at);

/** What happened to the log between two looks, with one commit in between. */
export function walNews(before: WalState, after: WalState, threshold: number): WalNews {
  const resets = before.round === after.round ? 0 : 1;
  const folded = resets > 0 ? after.folded > 0 : after.folded > before.folded;
  if (folded) return { resets, checkpoint: after.folded === after.frames ? 'complete' : 'partial' };
  const grew = resets > 0 || after.frames > before.frames;
  // At every commit beyond the threshold, SQLite tries.
  return grew && after.frames >= threshold ? { resets, checkpoint: 'blocked' } : { resets };
}
