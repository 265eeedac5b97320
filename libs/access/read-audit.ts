import { randomUUID } from 'node:crypto';
import { decideStep, type SqliteAuditLog } from '#audit-log';
import type { Caller } from '#kernel';
import { readAudit, type Reader, type RecordReads } from './read-audit.decider.js';
import type { RecordedRead } from './read-audit.events.js';

/** Milliseconds that a read waits at most to be handed to the writer: what one reads of one thing meanwhile is one entry. */
const EVERY = 5000;
/** So many do not wait for that. */
const MANY = 20_000;
/** Reads that one entry of the log holds at most, and entries that one transaction brings. */
const IN_ENTRY = 500;
const IN_TRANSACTION = 100;
/** Reads that are kept while the log takes none: a full disk must not fill the memory as well. */
const MOST = 100_000;

export interface ReadAuditOptions {
  log: Pick<SqliteAuditLog, 'execute'>;
  caller: () => Caller;
  /** Told of reads that could not be recorded now, and of how many never will be. */
  onFailure: (error: unknown, waiting: number, lost: number) => void;
}

/**
 * Records who reads what, in the log and so in its chain. No read waits for it: they are noted here and written together,
 * by the one writer, at the latest five seconds later. A process that is killed has lost those; one that is asked to stop
 * writes them first.
 */
export class ReadAudit {
  /** What one actor has read of one thing since the last writing. */
  private readonly open = new Map<string, RecordReads>();
  private noted = 0;
  /** Not in the log yet; their ids stay, so that none is there twice. */
  private batches: RecordReads[] = [];
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly options: ReadAuditOptions) {}

  note(reader: Reader, read: RecordedRead): void {
    const name = `${reader.actor}\0${reader.namespace ?? ''}\0${reader.session_id ?? ''}`;
    let batch = this.open.get(name);
    if (batch === undefined) this.open.set(name, (batch = newBatch(reader)));
    batch.reads.push(read);
    this.noted += 1;
    if (batch.reads.length === IN_ENTRY) {
      this.batches.push(batch);
      this.open.delete(name);
    }
    if (this.noted === MANY) void this.flush();
    else this.timer ??= setTimeout(() => void this.flush(), EVERY).unref();
  }

  /** Resolves when everything that was noted before is in the log, or could not be brought there. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const batch of this.open.values()) this.batches.push(batch);
    this.open.clear();
    this.noted = 0;
    return (this.writing = this.writing.then(() => this.write()));
  }

  private async write(): Promise<void> {
    try {
      while (this.batches.length > 0) {
        const steps = this.batches.slice(0, IN_TRANSACTION).map((batch) => decideStep(readAudit, batch));
        await this.options.log.execute({ caller: this.options.caller(), steps });
        this.batches.splice(0, steps.length);
      }
    } catch (error) {
      const lost = this.drop();
      this.options.onFailure(error, count(this.batches), lost);
      this.timer ??= setTimeout(() => void this.flush(), EVERY).unref();
    }
  }

  /** Lets go of the oldest beyond what can be kept. */
  private drop(): number {
    const before = count(this.batches);
    let kept = before;
    while (kept > MOST) kept -= this.batches.shift()!.reads.length;
    return before - kept;
  }
}

const count = (batches: RecordReads[]): number => batches.reduce((sum, { reads }) => sum + reads.length, 0);

const newBatch = (reader: Reader): RecordReads => ({
  type: 'RecordReads',
  batch_id: randomUUID(),
  ...reader,
  reads: [],
});
