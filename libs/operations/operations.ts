import { randomUUID } from 'node:crypto';
import { wasAnswered, type SqliteAuditLog } from '#audit-log';
import type { Caller, Page } from '#kernel';
import type { ReadSide } from '#storage';
import type { Alone, OperationReport, OperationStart } from './operation.chores.js';
import { operationById, operationsPage, type OperationsInput } from './operation.reads.js';
import { machineSeconds } from './machine-time.js';
import { BEAT_EVERY, type Operation, type Progress } from './operation.js';

/** Told by the work how far it is. */
export type Report = (progress: Progress) => void;

/** Work that ends with what came of it. Its events carry the operation's id as their correlation id. */
export type OperationWork = (report: Report, id: string) => Promise<object>;

export interface OperationObserver {
  started(operation: Operation): void;
  /** `error`: why it failed, with everything that is not shown to clients. */
  ended(operation: Operation, seconds: number, error?: unknown): void;
}

/** Who starts work, and under which key. */
type Starter = Pick<Caller, 'time' | 'idempotency'>;

/** Between two reports of progress to the database, in milliseconds. */
const REPORT_EVERY = 1000;

/** Runs work that outlasts its request, and keeps how it stands where every process on the file can read it. */
export class Operations {
  /** Under way in this process, or ended and not written down yet. */
  private readonly own = new Map<string, { operation: Operation; changed: boolean; written: number }>();
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly log: Pick<SqliteAuditLog, 'chore'>,
    private readonly reads: ReadSide,
    private readonly observer: OperationObserver,
  ) {}

  /**
   * Starts work, and answers how it stands once that is written down. An expected failure says itself what is wrong. Under
   * an idempotency key that has started work before, nothing is started, and the answer is the first one.
   */
  async start(kind: string, work: OperationWork, by?: Starter, id: string = randomUUID()): Promise<Operation> {
    const { operation } = await this.begin(kind, work, by, id);
    return operation;
  }

  /** Like {@link start}, but refused while work of the kinds that it names is under way, in whatever process. */
  async startAlone(kind: string, work: OperationWork, alone: Alone, by?: Starter): Promise<Operation> {
    const { operation } = await this.begin(kind, work, by, randomUUID(), alone);
    return operation;
  }

  /** What the caller's key has started before. To be asked where a second piece of such work would be refused. */
  async again(by: Starter | undefined): Promise<Operation | undefined> {
    if (by === undefined || !this.reads.point(wasAnswered, by.idempotency?.key)) return undefined;
    return this.start('again', async () => ({}), by);
  }

  /** Like {@link start}, but waits for the end of the work: for whoever has nothing else to do. */
  async run(kind: string, work: OperationWork): Promise<Operation> {
    const { ended } = await this.begin(kind, work, undefined, randomUUID());
    return ended;
  }

  get(id: string): Operation | undefined {
    return this.reads.point(operationById, { id, uptime: machineSeconds() }) ?? undefined;
  }

  page(input: Omit<OperationsInput, 'uptime'>): Promise<Page<Operation>> {
    return this.reads.scan(operationsPage, { ...input, uptime: machineSeconds() });
  }

  /** Writes down that what is still under way ends with this process. */
  async close(): Promise<void> {
    for (const entry of this.own.values()) {
      if (entry.operation.status === 'running') end(entry.operation, { status: 'interrupted', error: STOPPED });
      entry.changed = true;
    }
    await this.write();
    clearInterval(this.timer);
  }

  private async begin(
    kind: string,
    work: OperationWork,
    by: Starter | undefined,
    id: string,
    alone?: Alone,
  ): Promise<{ operation: Operation; ended: Promise<Operation> }> {
    const operation: Operation = {
      id,
      kind,
      status: 'running',
      progress: { done: 0, total: 0 },
      result: null,
      error: null,
      started_at: new Date().toISOString(),
      finished_at: null,
    };
    const report: OperationStart = { ...operation, uptime: machineSeconds(), alone };
    const first = await this.log.chore<Operation>('start-operation', report, by);
    if (first.id !== operation.id) return { operation: first, ended: Promise.resolve(first) };
    const entry = { operation, changed: false, written: performance.now() };
    this.own.set(operation.id, entry);
    this.timer ??= setInterval(() => void this.write(), REPORT_EVERY).unref();
    this.observer.started(operation);
    return { operation: first, ended: this.follow(entry, work) };
  }

  private async follow(entry: { operation: Operation; changed: boolean }, work: OperationWork): Promise<Operation> {
    const { operation } = entry;
    const begin = performance.now();
    const report: Report = ({ done, total }) => {
      operation.progress = { done, total };
      entry.changed = true;
    };
    let failure: unknown;
    try {
      const result = await work(report, operation.id);
      if (operation.status === 'running') end(operation, { status: 'succeeded', result });
    } catch (error) {
      failure = error;
      if (operation.status === 'running') end(operation, { status: 'failed', error: reasonOf(error) });
    }
    entry.changed = true;
    this.observer.ended(operation, (performance.now() - begin) / 1000, failure);
    await this.write();
    return { ...operation };
  }

  /** One write after the other: an older report must not come after a newer one. */
  private write(): Promise<void> {
    this.writing = this.writing.then(() => this.writeChanged());
    return this.writing;
  }

  private async writeChanged(): Promise<void> {
    const now = performance.now();
    const due = [...this.own.values()].filter(({ changed, written }) => changed || now - written >= BEAT_EVERY);
    if (due.length === 0) return;
    const reports = due.map(({ operation }): OperationReport => ({ ...operation, uptime: machineSeconds() }));
    for (const entry of due) entry.changed = false;
    try {
      await this.log.chore('report-operations', reports);
    } catch {
      // The disk may be full for a while: what could not be written goes with the next report.
      for (const entry of due) entry.changed = true;
      return;
    }
    for (const entry of due) {
      entry.written = now;
      if (entry.operation.status !== 'running' && !entry.changed) this.own.delete(entry.operation.id);
    }
  }
}

const STOPPED = 'The program was stopped.';

const end = (operation: Operation, how: Partial<Operation>): void => {
  Object.assign(operation, how, { finished_at: new Date().toISOString() });
};

/** Only what was meant to be read is shown; anything else is in the program's log. */
function reasonOf(error: unknown): string {
  const { name, message } = error as Error;
  if (name === 'AbortError') return STOPPED;
  return name === 'DomainError' ? message : 'It failed unexpectedly; the log says why.';
}
