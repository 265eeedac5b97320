import { randomUUID } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { decideStep, type SqliteAuditLog, type WriterClient } from '#audit-log';
import { conflict, DomainError, identifier, invalid, namespacePrefix, notFound, type Caller, type Page } from '#kernel';
import type { Operation, Operations } from '#operations';
import { lockForRebuild } from '#projections';
import type { FileLock, ReadSide, Synchronous } from '#storage';
import { systemCaller } from './caller.js';
import type { EraseNews, EraseOrder } from './erase.thread.js';
import { erasure } from './erasure.decider.js';
import type { RowCounts, Subject } from './erasure.events.js';
import { erasurePlan, type ErasurePlan } from './erasure.plan.js';
import { erasedRanges, erasureById, erasureOf, erasuresPage, pendingErasures, type Erasure } from './erasure.reads.js';
import { inThread, resolveProjections, type Progress } from './rebuilds.js';

/** A request to erase, as it comes in: one subject. */
export interface ErasureInput {
  user_id?: string;
  session_id?: string;
  namespace_prefix?: string;
  reason: string;
  /** Memories of many may go, too, where the subject had a part in them. */
  include_shared?: boolean;
}

/** Positions that one order can name: more are erased by parts. */
const MAX_RANGES = 500_000;

/** How long an erasure waits for a rebuild of projections to end, in milliseconds. */
const LOCK_TRIES = 3000;

/** Erases subjects from the log and from everything that was made of it, while the program serves. */
export class Erasures {
  private worker: Worker | undefined;
  private running: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly file: { path: string; synchronous: Synchronous },
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
    private readonly writer: Pick<WriterClient, 'hold'>,
    private readonly operations: Operations,
  ) {}

  /** What would go. */
  async plan(input: ErasureInput): Promise<ErasurePlan> {
    const plan = await this.reads.scan(erasurePlan, subjectOf(input));
    if (plan.entries === 0 && this.reads.point(erasureOf, plan.subject_ref) === null) throw unknownSubject(input);
    return plan;
  }

  /** Orders it, and begins. A subject of which nothing is left gives its last erasure again. */
  async start(caller: Caller, input: ErasureInput): Promise<{ operation: Operation } | { erased: Erasure }> {
    const plan = await this.plan(input);
    if (plan.entries === 0) return { erased: this.reads.point(erasureOf, plan.subject_ref)! };
    if (plan.shared.length > 0 && input.include_shared !== true) throw shared(plan);
    if (plan.ranges.length > MAX_RANGES) {
      throw conflict('too-many-entries', `${plan.entries} entries are too many for one erasure.`, 'Erase by sessions or namespaces.');
    }
    const erasure_id = randomUUID();
    const { subject_ref, ranges, entries, counts } = plan;
    const command = {
      type: 'EraseSubject' as const,
      erasure_id,
      subject_kind: subjectOf(input).kind,
      subject_ref,
      reason: input.reason,
      requested_by: caller.actor,
      requested_at: caller.time,
      entries,
      ranges,
      counts,
    };
    const { correlation_id: _, idempotency: __, ...by } = caller;
    await this.log.execute({ caller: { ...by, correlation_id: erasure_id }, steps: [decideStep(erasure, command)] });
    return { operation: await this.begin(erasure_id) };
  }

  page(input: { limit: number; cursor?: string }): Promise<Page<Erasure>> {
    return this.reads.scan(erasuresPage, input);
  }

  /** Goes on with what a process that is gone has begun. */
  async resume(): Promise<void> {
    for (const { id } of this.reads.point(pendingErasures, null)) await this.begin(id);
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
  }

  private begin(erasureId: string): Promise<Operation> {
    return this.operations.start('erasure', (report) => {
      // One after the other: they rebuild the same tables.
      const run = this.running.then(() => this.run(erasureId, report));
      this.running = run.catch(() => undefined);
      return run;
    });
  }

  private async run(erasureId: string, report: Progress): Promise<{ erasure_id: string; removed: RowCounts }> {
    const { position, completed_at, result } = this.reads.point(erasureById, erasureId);
    if (completed_at !== null) return { erasure_id: erasureId, removed: result! };
    const lock = await this.lock();
    try {
      const ranges = this.reads.point(erasedRanges, position);
      const redacted = await this.inThread({ part: 'redact', ranges }, report);
      await this.log.chore('forget-folded');
      const order = { ...this.file, names: resolveProjections('all'), compareOnly: false };
      await inThread(order, report, this.writer, (worker) => (this.worker = worker));
      const scrubbed = await this.alone(() => this.inThread({ part: 'scrub', ranges: [] }, report));
      const removed = { ...redacted, ...scrubbed };
      const step = decideStep(erasure, { type: 'CompleteErasure', erasure_id: erasureId, result: removed });
      await this.log.execute({ caller: { ...systemCaller(), correlation_id: erasureId }, steps: [step] });
      return { erasure_id: erasureId, removed };
    } finally {
      lock.release();
      this.worker = undefined;
    }
  }

  private async lock(): Promise<FileLock> {
    for (let tries = 0; ; tries++) {
      try {
        return lockForRebuild(this.file.path);
      } catch (error) {
        if (tries === LOCK_TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  private async alone<T>(work: () => Promise<T>): Promise<T> {
    const release = await this.writer.hold();
    try {
      return await work();
    } finally {
      release();
    }
  }

  private inThread(order: Pick<EraseOrder, 'part' | 'ranges'>, report: Progress): Promise<RowCounts> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./erase.thread.js', import.meta.url), { workerData: { ...this.file, ...order } });
      this.worker = worker;
      worker.on('message', (news: EraseNews) => {
        if ('counts' in news) resolve(news.counts);
        else if ('error' in news) reject('kind' in news.error ? DomainError.from(news.error) : Object.assign(new Error(news.error.message), news.error));
        else report(news);
      });
      worker.on('error', reject);
      worker.on('exit', () =>
        reject(new DomainError('unavailable', 'erasure-stopped', 'The erasure was stopped; it goes on at the next start.')),
      );
    });
  }
}

/** The one subject that is named, checked. */
export function subjectOf({ user_id, session_id, namespace_prefix }: ErasureInput): Subject {
  const named = [user_id, session_id, namespace_prefix].filter((one) => one !== undefined);
  if (named.length !== 1) throw invalid('subject', 'must be one of user_id, session_id and namespace_prefix');
  if (user_id !== undefined) return { kind: 'user', id: identifier(user_id, 'user_id') };
  if (session_id !== undefined) return { kind: 'session', id: identifier(session_id, 'session_id') };
  const id = namespacePrefix(namespace_prefix!);
  if (!id.includes(':')) {
    throw invalid('namespace_prefix', `${id} names everybody`, 'Name at least two segments, for instance user:alice.');
  }
  return { kind: 'namespace', id };
}

const unknownSubject = (input: ErasureInput): DomainError => {
  const { kind, id } = subjectOf(input);
  return notFound(kind, id);
};

function shared({ shared: memories }: ErasurePlan): DomainError {
  const [first] = memories;
  return conflict(
    'shared-memories',
    `${memories.length} memories would go that others have written to as well, for instance ${first!.namespace}/${first!.key}.`,
    'Look at them with dry_run; erase them, too, with include_shared, or take the subject out of them first.',
  );
}
