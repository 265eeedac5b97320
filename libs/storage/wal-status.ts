import { readFileSync, statSync } from 'node:fs';
import { Database } from './database.js';
import { locksOf, type Holder } from './locks.js';
import { sql } from './sql.js';

/** How the write-ahead log of a database stands. */
export interface WalStatus {
  file: string;
  bytes: number;
  /** Pages that were written since the log was begun anew, and how many of them are in the database file already. */
  frames: number;
  folded: number;
  /** Who reads the database as it was at a frame: what came after it cannot be folded back as long as they do. */
  readers: (Holder & { frame: number })[];
}

/** Where things are in the shared memory beside a database: SQLite's "WAL-index". */
const MAX_FRAME = 16;
const FOLDED = 96;
const MARKS = 100;
const LENGTH = 136;

/** Reads it from outside; see {@link locksOf} for who may. */
export function walStatus(path: string): WalStatus {
  const file = `${path}-wal`;
  const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  const memory = sharedMemory(path);
  if (memory === undefined) return { file, bytes, frames: 0, folded: 0, readers: [] };
  const at = (offset: number): number => memory.readUInt32LE(offset);
  const { reading } = locksOf(path);
  return {
    file,
    bytes,
    frames: at(MAX_FRAME),
    folded: Math.min(at(FOLDED), at(MAX_FRAME)),
    // At mark 0 a reader looks at the database file alone, and holds nothing up but the beginning anew.
    readers: reading.map(({ mark, ...holder }) => ({
      ...holder,
      frame: mark === 0 ? at(FOLDED) : at(MARKS + 4 * mark),
    })),
  };
}

function sharedMemory(path: string): Buffer | undefined {
  try {
    const memory = readFileSync(`${path}-shm`);
    return memory.length >= LENGTH ? memory : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** How long a checkpoint waits for readers, in milliseconds: writers wait as long. */
const PATIENCE = 1000;

export interface Checkpointed {
  /** Somebody reads what is older: not everything could be folded back. */
  busy: boolean;
  frames: number;
  folded: number;
}

/** Folds the write-ahead log into the file and cuts it to nothing, if nobody reads what is older. */
export function checkpoint(path: string): Checkpointed {
  const db = Database.open({ path });
  try {
    db.pragma(`busy_timeout = ${PATIENCE}`);
    const row = db.one<{ busy: number; log: number; checkpointed: number }>(sql`PRAGMA wal_checkpoint(TRUNCATE)`)!;
    return { busy: row.busy !== 0, frames: Math.max(0, row.log), folded: Math.max(0, row.checkpointed) };
  } finally {
    db.close();
  }
}
