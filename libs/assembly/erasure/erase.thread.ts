import { parentPort, workerData } from 'node:worker_threads';
import { DomainError } from '#kernel';
import type { Synchronous } from '#storage';
import { emptyLog, openToErase, purge, redact, scrub } from './erase.js';
import type { ErasedRange, RowCounts } from './erasure.events.js';

export interface EraseOrder {
  path: string;
  synchronous: Synchronous;
  /** `redact`: from the log, and the rows of its entries. `scrub`: from caches, and from between the rows. `empty`: the WAL. */
  part: 'redact' | 'scrub' | 'empty';
  ranges: ErasedRange[];
}

/** What the thread says to its house. */
export type EraseNews =
  | 'here'
  | { done: number; total: number }
  | { counts: RowCounts }
  | { error: { name: string; message: string; stack?: string } | ReturnType<DomainError['toJSON']> };

const { part, ranges, ...file } = workerData as EraseOrder;
const tell = (news: EraseNews): void => parentPort!.postMessage(news);

try {
  const db = openToErase(file);
  tell('here');
  try {
    const counts: RowCounts = {};
    if (part === 'redact') await redact(db, ranges, counts, (done, total) => tell({ done, total }));
    else if (part === 'empty') await emptyLog(db);
    else {
      purge(db, counts);
      scrub(db);
    }
    tell({ counts });
  } finally {
    db.close();
  }
} catch (error) {
  const { name, message, stack } = error as Error;
  tell({ error: error instanceof DomainError ? error.toJSON() : { name, message, stack } });
}
parentPort!.close();
