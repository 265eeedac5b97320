import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { conflict, DomainError, type SerializedDomainError } from '#kernel';
import { startThread, type Thread } from '#storage';
import type { IntegrityProgress } from './integrity.js';
import type { IntegrityReport } from './report.js';

type Message = { progress: IntegrityProgress } | { report: IntegrityReport } | { error: SerializedDomainError };

/** What the thread is given: the database, and the file of it that is open. */
export interface IntegrityThread {
  path: string;
  descriptor: number;
}

/**
 * Checks the database on a thread of its own, one run at a time: neither the event loop nor the pool of readers nor the
 * writer waits for it.
 */
export class IntegrityWatch {
  private thread: Thread | undefined;
  /** Kept open from the first check on, because closing it would give away the locks of this process. */
  private descriptor: number | undefined;

  constructor(private readonly path: string) {}

  get running(): boolean {
    return this.thread !== undefined;
  }

  async run(onProgress: (progress: IntegrityProgress) => void = () => undefined): Promise<IntegrityReport> {
    this.refuseTwice();
    this.descriptor ??= openSync(this.path, 'r');
    const workerData: IntegrityThread = { path: this.path, descriptor: this.descriptor };
    const thread = startThread(new URL('../integrity.thread.js', import.meta.url), { workerData });
    this.thread = thread;
    try {
      return await this.reportOf(thread.worker, onProgress);
    } finally {
      this.thread = undefined;
    }
  }

  private refuseTwice(): void {
    if (!this.running) return;
    throw conflict(
      'integrity-running',
      'A check of the database is under way already.',
      'GET /v1/admin/integrity tells when it is through, and what it has found.',
    );
  }

  /** Ends a run that is under way; it leaves nothing behind. */
  async close(): Promise<void> {
    await this.thread?.end();
  }

  /** After everybody in this process has closed the database. */
  release(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }

  private async reportOf(worker: Worker, onProgress: (progress: IntegrityProgress) => void): Promise<IntegrityReport> {
    let report: IntegrityReport | undefined;
    let refusal: DomainError | undefined;
    worker.on('message', (message: Message) => {
      if ('progress' in message) onProgress(message.progress);
      else if ('report' in message) report = message.report;
      else refusal = DomainError.from(message.error);
    });
    // An error of the thread rejects this; being ended from outside does not, and leaves no report.
    await once(worker, 'exit');
    if (refusal !== undefined) throw refusal;
    if (report === undefined)
      throw new DomainError('unavailable', 'shutting-down', 'The check was stopped.', { retry_after: 1 });
    return report;
  }
}
