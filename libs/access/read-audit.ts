import { randomUUID } from 'node:crypto';
import { decideStep, type SqliteAuditLog } from '#audit-log';
import type { Caller } from '#kernel';
import { readAudit, type Reader, type RecordReads } from './read-audit.decider.js';
import type { RecordedRead } from './read-audit.events.js';

/** Milliseconds that a read waits at most to be handed to the writer. */
const EVERY = 1000;
/** So many do not wait for that. */
const MANY = 5000;
/** Reads that one entry of the log holds at most, and entries that one transaction brings. */
const IN_ENTRY = 500;
const IN_TRANSACTION = 100;
/** Reads that are kept while the log takes none: a full disk must not fill the memory as well. */
const MOST = 100_000;

type Noted = RecordedRead & { reader: Reader };

export interface ReadAuditOptions {
  log: Pick<SqliteAuditLog, 'execute'>;
  caller: () => Caller;
  /** Told of reads that could not be recorded now, and of how many never will be. */
  onFailure: (error: unknown, waiting: number, lost: number) => void;
}

/**
 * Records who reads what, in the log and so in its chain. No read waits for it: they are noted here and written together,
 * by the one writer, at the latest a second later. A process that is killed has lost those; one that is asked to stop writes them first.
 */
export class ReadAudit {
  private noted: Noted[] = [];
  /** Made into batches, and not in the log yet; their ids stay, so that none is there twice. */
  private batches: RecordReads[] = [];
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly options: ReadAuditOptions) {}

  note(reader: Reader, read: RecordedRead): void {
    this.noted.push({ ...read, reader });
    if (this.noted.length === MANY) void this.flush();
    this.timer ??= setTimeout(() => void this.flush(), EVERY).unref();
  }

  /** Resolves when everything that was noted before is in the log, or could not be brought there. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    return (this.writing = this.writing.then(() => this.write()));
  }

  private async write(): Promise<void> {
    this.batches.push(...batchesOf(this.noted.splice(0)));
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

/** What one actor has read of one thing, together. */
function batchesOf(noted: Noted[]): RecordReads[] {
  const open = new Map<string, RecordReads>();
  const batches: RecordReads[] = [];
  for (const { reader, ...read } of noted) {
    const name = JSON.stringify([reader.actor, reader.namespace, reader.session_id]);
    let batch = open.get(name);
    if (batch === undefined || batch.reads.length === IN_ENTRY) {
      batch = { type: 'RecordReads', batch_id: randomUUID(), ...reader, reads: [] };
      open.set(name, batch);
      batches.push(batch);
    }
    batch.reads.push(read);
  }
  return batches;
}
