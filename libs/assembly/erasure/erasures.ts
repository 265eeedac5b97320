import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import type { LogSigner, SqliteAuditLog, WriterClient } from '#audit-log';
import type { Backups } from '#backup';
import { DomainError, notFound, type Caller, type Page } from '#kernel';
import type { Operation, Operations } from '#operations';
import { lockForRebuild } from '#projections';
import { diskOf, megabytes, startThread, type FileLock, type ReadSide, type Synchronous, type Thread } from '#storage';
import { inThread, resolveProjections, type Progress } from '../rebuilds.js';
import { certify, type Certificate } from './certificate.js';
import { completeErasure, orderErasure } from './erase-file.js';
import type { EraseNews, EraseOrder } from './erase.thread.js';
import type { RowCounts } from './erasure.events.js';
import { ErasureList } from './erasure.list.js';
import { actorsOf, erasurePlan, type ErasurePlan } from './erasure.plan.js';
import { orderOf, reasonOf, refuseMany, refuseShared, subjectOf, type ErasureInput } from './erasure.request.js';
import { erasedRanges, erasureById, erasureOf, erasuresPage, pendingErasures, type Erasure } from './erasure.reads.js';

/** What came of a request: the order, and the work that has begun unless everything was gone already. */
export interface Erasing {
  operation: Operation | null;
  erasure: Erasure;
}

/** How long an erasure waits for a rebuild of projections, or for a backup, to end: in tenths of a second. */
const LOCK_TRIES = 6000;

/** What of a house an erasure goes through. */
export interface ErasureParts {
  file: { path: string; synchronous: Synchronous };
  backupDirectory: string;
  /** Days after which backups go. */
  keepDays: number;
  log: SqliteAuditLog;
  reads: ReadSide;
  writer: Pick<WriterClient, 'hold'>;
  operations: Operations;
  backups: Backups;
  signer: LogSigner;
  /** Resolves when what was noted of reads so far is in the log. */
  noted: () => Promise<void>;
}

/** Erases subjects from the log and from everything that was made of it, while the program serves. */
export class Erasures {
  private readonly list: ErasureList;
  private thread: Thread | undefined;
  private running: Promise<unknown> = Promise.resolve();
  private beginning: Promise<unknown> = Promise.resolve();
  private closed = false;
  /** Under way here: operations by their erasure. */
  private readonly own = new Map<string, Promise<Operation>>();

  constructor(private readonly parts: ErasureParts) {
    this.list = new ErasureList(parts.backupDirectory);
  }

  /** What would go. */
  async plan(input: ErasureInput): Promise<ErasurePlan> {
    const subject = subjectOf(input);
    reasonOf(input, subject);
    await this.parts.noted();
    const plan = await this.parts.reads.scan(erasurePlan, subject);
    if (plan.entries === 0 && this.parts.reads.point(erasureOf, plan.subject_ref) === null) {
      throw notFound(subject.kind, subject.id);
    }
    return plan;
  }

  /** Orders it, and begins. A subject of which nothing is left gives its last erasure again. */
  start(caller: Caller, input: ErasureInput): Promise<Erasing> {
    // One after the other: whoever asks twice at once hears of the same erasure.
    const begun = this.beginning.then(() => this.begin(caller, input));
    this.beginning = begun.catch(() => undefined);
    return begun;
  }

  page(input: { limit: number; cursor?: string }): Promise<Page<Erasure>> {
    return this.parts.reads.scan(erasuresPage, input);
  }

  get(id: string): Erasure {
    return this.parts.reads.point(erasureById, id);
  }

  /** What was done, where and when, signed with the key of the log. */
  certificate(id: string): Promise<{ certificate: Certificate; note: string }> {
    const { reads, signer, file, backups, keepDays } = this.parts;
    return certify(this.get(id), { reads, signer, path: file.path, backups: backups.list(), keepDays });
  }

  /** Goes on with what a process that is gone has begun. */
  async resume(): Promise<void> {
    for (const { id } of this.parts.reads.point(pendingErasures, null)) await this.run(id);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.thread?.end();
  }

  private async begin(caller: Caller, input: ErasureInput): Promise<Erasing> {
    const again = await this.parts.operations.again(caller);
    if (again !== undefined) return { operation: again, erasure: asOrdered(this.get(again.id)) };
    const plan = await this.plan(input);
    const before = this.parts.reads.point(erasureOf, plan.subject_ref);
    if (before?.completed_at === null) return { operation: await this.run(before.id), erasure: before };
    if (before !== null && plan.entries === 0) return { operation: null, erasure: before };
    refuseShared(plan, input);
    refuseMany(plan);
    this.refuseLittleSpace();
    this.parts.backups.refuseTwoAtOnce();
    this.list.prepare();
    // Answers under keys of the subject's carry its name; they are kept for a day only.
    await this.parts.log.chore('forget-answers-of', actorsOf(subjectOf(input)));
    const ordered = orderOf(plan, input, caller);
    await orderErasure(this.parts.log, ordered);
    const { erasure_id } = ordered;
    return { operation: await this.run(erasure_id, caller), erasure: asOrdered(this.get(erasure_id)) };
  }

  /** The work on an erasure: one piece in this process; another process that works on it holds the locks. */
  private async run(erasureId: string, by?: Caller): Promise<Operation> {
    const { operations } = this.parts;
    const own = await this.own.get(erasureId);
    if (own !== undefined) return operations.get(own.id) ?? own;
    const work = (report: Progress): Promise<object> => {
      // One after the other: they rebuild the same tables.
      const run = this.running.then(() => this.erase(erasureId, report));
      this.running = run.catch(() => undefined);
      return run.finally(() => this.own.delete(erasureId));
    };
    const id = operations.get(erasureId) === undefined ? erasureId : randomUUID();
    const begun = operations.start('erasure', work, by, id);
    this.own.set(erasureId, begun);
    begun.catch(() => this.own.delete(erasureId));
    return begun;
  }

  private async erase(erasureId: string, report: Progress): Promise<{ erasure_id: string; removed: RowCounts }> {
    const locks = [await this.lock(() => lockForRebuild(this.parts.file.path))];
    try {
      // A backup of half an erasure would be one of neither before nor after.
      locks.push(await this.lock(() => this.parts.backups.reserve()));
      const {
        id: erasure_id,
        position,
        completed_at,
        completed_position: _,
        removed: before,
        ...ordered
      } = this.get(erasureId);
      if (completed_at !== null) return { erasure_id, removed: before! };
      const ranges = this.parts.reads.point(erasedRanges, position);
      // Listed before anything goes: whatever happens from here on, a restore erases it, too.
      this.list.add({ erasure_id, ...ordered, ranges });
      const redacted = await this.inThread({ part: 'redact', ranges }, report);
      await this.parts.log.chore('forget-folded');
      const rebuilding = { ...this.parts.file, names: resolveProjections('all'), compareOnly: false };
      await inThread(rebuilding, report, this.parts.writer, (thread) => (this.thread = thread));
      const scrubbed = await this.alone(() => this.inThread({ part: 'scrub', ranges: [] }, report));
      await this.inThread({ part: 'empty', ranges: [] }, report);
      const removed = { ...redacted, ...scrubbed };
      await completeErasure(this.parts.log, erasure_id, removed);
      return { erasure_id, removed };
    } finally {
      for (const lock of locks) lock.release();
      this.thread = undefined;
    }
  }

  private async lock(take: () => FileLock): Promise<FileLock> {
    for (let tries = 0; ; tries++) {
      try {
        return take();
      } catch (error) {
        if (tries === LOCK_TRIES || this.closed) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** The file is written anew with nobody writing meanwhile. */
  private async alone<T>(work: () => Promise<T>): Promise<T> {
    const release = await this.parts.writer.hold();
    try {
      return await work();
    } finally {
      release();
    }
  }

  private inThread(order: Pick<EraseOrder, 'part' | 'ranges'>, report: Progress): Promise<RowCounts> {
    if (this.closed) return Promise.reject(stopped());
    return new Promise((resolve, reject) => {
      const thread = startThread(new URL('./erase.thread.js', import.meta.url), {
        workerData: { ...this.parts.file, ...order },
      });
      this.thread = thread;
      const { worker } = thread;
      worker.on('message', (news: EraseNews) => {
        if (news === 'here') return;
        if ('counts' in news) resolve(news.counts);
        else if ('error' in news) reject(revive(news.error));
        else report(news);
      });
      worker.on('error', reject);
      worker.on('exit', () => reject(stopped()));
    });
  }

  /** The file is written anew beside the old one, and goes through the write-ahead log. */
  private refuseLittleSpace(): void {
    const { available } = diskOf(this.parts.file.path);
    const needed = 3 * statSync(this.parts.file.path).size;
    if (available >= needed) return;
    throw new DomainError(
      'storage-full',
      'erasure-disk-full',
      `Erasing writes the database anew and needs ${megabytes(needed)}, ${megabytes(available)} are free: ${megabytes(needed - available)} are missing.`,
      { hint: 'Nothing was changed. Free space there: abathur ballast release gives some at once.' },
    );
  }
}

/** As it was when it was begun: what is sent twice under one key is answered as the first time. */
const asOrdered = (erasure: Erasure): Erasure => ({
  ...erasure,
  completed_at: null,
  completed_position: null,
  removed: null,
});

const stopped = (): DomainError =>
  new DomainError('unavailable', 'erasure-stopped', 'The erasure was stopped; it goes on at the next start.');

const revive = (error: Extract<EraseNews, { error: unknown }>['error']): Error =>
  'kind' in error ? DomainError.from(error) : Object.assign(new Error(error.message), { stack: error.stack });
