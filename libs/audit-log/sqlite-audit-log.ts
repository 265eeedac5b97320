import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller, EventCatalog, Recorded } from '#kernel';
import type { Reader } from '#storage';
import type { AuditLog, Commit, Head, Receipt, StreamSlice } from './audit-log.js';
import { LogReader } from './log-reader.js';
import type { Work, WorkAnswer } from './transactor.js';
import type { Settler } from './writer-client.js';

/** How often a follower looks for entries that another process wrote, in milliseconds. */
const POLL = 100;

/**
 * The log in one SQLite file: reads on a connection of this thread, writes through the one writer. SQLite's
 * transaction is what keeps the port's promise that projections have seen a commit when it resolves.
 */
export class SqliteAuditLog implements AuditLog {
  private readonly reader: LogReader;
  private wake: (() => void)[] = [];

  constructor(
    db: Reader,
    catalog: EventCatalog,
    private readonly writer: Settler,
  ) {
    this.reader = new LogReader(db, catalog);
  }

  /** Decides and appends in one transaction: see {@link Work}. */
  async execute(work: Work): Promise<WorkAnswer> {
    const answer = (await this.writer.settle({ kind: 'execute', work })) as WorkAnswer;
    this.announce();
    return answer;
  }

  async commit(commit: Commit): Promise<Receipt> {
    const receipt = (await this.writer.settle({ kind: 'commit', commit })) as Receipt;
    this.announce();
    return receipt;
  }

  /** One turn of maintenance in the writer's transaction; once for each key that a caller gives. */
  async chore<T>(chore: string, input: unknown = null, by?: Pick<Caller, 'time' | 'idempotency'>): Promise<T> {
    return (await this.writer.settle({ kind: 'chore', chore, input, by })) as T;
  }

  async readStream(stream: string, slice?: StreamSlice): Promise<Recorded[]> {
    return this.reader.stream(stream, slice);
  }

  async readAll(position: number, limit: number): Promise<Recorded[]> {
    return this.reader.all(position, limit);
  }

  async head(): Promise<Head> {
    return this.reader.head();
  }

  async *tail(position: number, signal: AbortSignal): AsyncIterable<Recorded> {
    let next = position;
    while (!signal.aborted) {
      const page = this.reader.all(next, 100);
      for (const event of page) {
        // Positions are dense: a hole would mean that the log lost an entry.
        if (event.position !== next + 1) throw new Error(`The log has no entry ${next + 1}`);
        next = event.position;
        yield event;
        if (signal.aborted) return;
      }
      if (page.length === 0) await this.news(signal);
    }
  }

  /** Resolves soon after something was written, by this process or another. */
  private async news(signal: AbortSignal): Promise<void> {
    const waker = new AbortController();
    const wake = (): void => waker.abort();
    this.wake.push(wake);
    signal.addEventListener('abort', wake, { once: true });
    await sleep(POLL, undefined, { signal: waker.signal }).catch(() => undefined);
    signal.removeEventListener('abort', wake);
    this.wake = this.wake.filter((other) => other !== wake);
  }

  private announce(): void {
    if (this.wake.length === 0) return;
    for (const wake of this.wake.splice(0)) wake();
  }
}
