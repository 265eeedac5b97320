import { DomainError, type Caller } from '#kernel';
import { saysFull, takesNoWrites, type Database } from '#storage';
import type { Commit, Receipt } from './audit-log.js';
import { commitIdOf, type LogWriter } from './log-writer.js';
import { Rehearsed, type Transactor, type Work, type WorkAnswer } from './transactor.js';

export type WriterRequest =
  | { kind: 'commit'; commit: Commit }
  | { kind: 'execute'; work: Work }
  | { kind: 'chore'; chore: string; input: unknown; by?: Pick<Caller, 'time' | 'idempotency'> };

export type Settled = { value: Receipt | WorkAnswer | unknown } | { error: unknown };

export interface WriterHooks {
  /** Before the first request of a batch: inline projections that lag behind catch up. */
  onBegin(): void;
  /** After a request was undone: the log ends at this position again. */
  onUndo(position: number): void;
  /** Before anything is read in the transaction. */
  onRead(): void;
  /** After the last one: inline checkpoints move to this position. */
  onEnd(position: number): void;
  /** After the commit. */
  onCommitted?(): void;
  /** Maintenance that writes: one turn of a catch-up projection, pruning. */
  chores: Record<string, (input: unknown) => unknown>;
}

/**
 * The one writer. All requests that wait are settled in one transaction, each in its own savepoint: one fsync for
 * many. Hosted by a thread in production, called directly in tests.
 */
export class Writer {
  constructor(
    private readonly db: Database,
    private readonly log: LogWriter,
    private readonly transactor: Transactor,
    private readonly hooks: WriterHooks,
  ) {}

  /** Settles the requests in order. Either the transaction commits, or every request gets the reason why not. */
  batch(requests: WriterRequest[]): Settled[] {
    try {
      const settled = this.db.transaction(() => {
        this.log.refresh();
        this.hooks.onBegin();
        const before = this.log.position;
        const answers = requests.map((request) => this.settle(request));
        if (this.log.position > before) this.hooks.onEnd(this.log.position);
        return answers;
      });
      this.hooks.onCommitted?.();
      return settled;
    } catch (error) {
      this.transactor.forget();
      return requests.map(() => ({ error: storageError(error, this.db.path) }));
    }
  }

  private settle(request: WriterRequest): Settled {
    try {
      // What others have written is projected outside of the savepoint that may undo this request.
      if (reads(request)) this.hooks.onRead();
      return { value: this.db.savepoint(() => this.handle(request)) };
    } catch (error) {
      // Some failures (a full disk) roll back everything: then nobody in this batch was served.
      if (!this.db.inTransaction) throw error;
      this.log.refresh();
      this.hooks.onUndo(this.log.position);
      if (error instanceof Rehearsed) return { value: error.answer };
      return { error: storageError(error, this.db.path) };
    }
  }

  private handle(request: WriterRequest): unknown {
    switch (request.kind) {
      case 'commit':
        return this.log.commit(request.commit);
      case 'execute':
        return this.transactor.execute(request.work);
      case 'chore':
        return this.chore(request);
    }
  }

  /** Maintenance that somebody asked for under a key is done once: the key gets its first answer again. */
  private chore({ chore, input, by }: Extract<WriterRequest, { kind: 'chore' }>): unknown {
    const work = this.hooks.chores[chore]!;
    if (by?.idempotency === undefined) return work(input);
    const { key, fingerprint } = by.idempotency;
    const first = this.log.recall(commitIdOf(key), fingerprint) as { answer: unknown } | undefined;
    if (first !== undefined) return first.answer;
    const answer = work(input);
    this.log.remember(commitIdOf(key), fingerprint, { answer }, by.time);
    return answer;
  }
}

const reads = (request: WriterRequest): boolean =>
  request.kind === 'execute' && request.work.steps.some((step) => !('decider' in step));

/** What SQLite's refusals mean to a client. */
function storageError(error: unknown, path: string): unknown {
  const code = (error as { code?: string }).code ?? '';
  if (/^SQLITE_(IOERR|READONLY|CANTOPEN)/.test(code) && takesNoWrites(path)) {
    return new DomainError(
      'unavailable',
      'storage-read-only',
      'The file system of the database takes no writes; nothing was written.',
      { hint: 'Look at its disk: a system lets nobody write any more where a disk reports errors. Reads go on.' },
    );
  }
  if (saysFull(error)) {
    return new DomainError('storage-full', 'storage-full', 'The disk is full; nothing was written.', {
      hint: 'Give up the ballast (abathur ballast release), then free space on the partition of the database; reads go on.',
    });
  }
  if (code.startsWith('SQLITE_BUSY')) {
    return new DomainError('unavailable', 'database-busy', 'Another process holds the write lock.', { retry_after: 1 });
  }
  if (code === 'SQLITE_CONSTRAINT_FOREIGNKEY') {
    return new DomainError('conflict', 'unknown-reference', 'Something that this refers to does not exist.');
  }
  return error;
}
