import type { SqliteAuditLog, WriterClient } from '#audit-log';
import { DomainError, notFound, type Caller } from '#kernel';
import type { Operation, Operations } from '#operations';
import {
  countRows,
  lockForRebuild,
  parkedEvents,
  projectionStatus,
  removeLeftovers,
  type ParkedEvent,
  type ProjectionStatus,
  type RebuildReport,
} from '#projections';
import { VECTOR_INDEX } from '#search';
import { FileLock, startThread, type Reader, type ReadSide, type Synchronous, type Thread } from '#storage';
import { projectors } from './features.js';
import type { RebuildNews, RebuildOrder } from './rebuild.thread.js';

/** How a projection stands, as operators see it. */
export interface ProjectionView extends Omit<ProjectionStatus, 'status'> {
  status: ProjectionStatus['status'] | 'rebuilding';
  /** Rows of its tables, counted a short while ago. */
  rows: number;
}

/** How long a count of rows is good for, in milliseconds. */
const COUNTED_FOR = 10_000;

export type Progress = (progress: { done: number; total: number }) => void;

/** What operators do with projections: look, rebuild, and have parked events tried again. */
export class Rebuilds {
  private readonly counted = new Map<string, { rows: number; at: number }>();
  private rebuilding: string[] = [];
  private thread: Thread | undefined;
  private beginning: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly file: { path: string; synchronous: Synchronous },
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
    private readonly writer: Pick<WriterClient, 'hold'>,
    private readonly operations: Pick<Operations, 'start' | 'again'>,
  ) {}

  async list(): Promise<ProjectionView[]> {
    const all = this.reads.point(projectionStatus, null).filter(({ name }) => known(name));
    return Promise.all(
      all.map(async (one) => ({
        ...one,
        status: this.rebuilding.includes(one.name) ? ('rebuilding' as const) : one.status,
        rows: await this.rowsOf(one.name),
      })),
    );
  }

  parked(name: string): ParkedEvent[] {
    const [one] = resolveProjections(name, 'one');
    return this.reads.point(parkedEvents, one!);
  }

  /** Tries parked events again, a thousand at most. */
  async retry(name: string, by?: Caller): Promise<{ retried: number; digested: number }> {
    const [one] = resolveProjections(name, 'one');
    return this.log.chore('retry-parked-events', { name: one, time: new Date().toISOString() }, by);
  }

  /** Begins to rebuild one projection or `all`; refused while this database is rebuilt by anybody. */
  async start(target: string, compareOnly: boolean, by?: Caller): Promise<Operation> {
    const names = resolveProjections(target);
    // One after the other: who asks twice under one key gets the first answer, not that somebody rebuilds already.
    const begun = this.beginning.then(() => this.begin(names, compareOnly, by));
    this.beginning = begun.catch(() => undefined);
    return begun;
  }

  private async begin(names: string[], compareOnly: boolean, by?: Caller): Promise<Operation> {
    const before = await this.operations.again(by);
    if (before !== undefined) return before;
    const lock = lockForRebuild(this.file.path);
    const work = (report: Progress): Promise<RebuildReport> =>
      this.rebuild(names, compareOnly, report).finally(() => lock.release());
    try {
      return await this.operations.start(compareOnly ? 'projections.compare' : 'projections.rebuild', work, by);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Cuts off what is under way: the living tables stay as they are. */
  async close(): Promise<void> {
    await this.thread?.end();
  }

  private async rowsOf(name: string): Promise<number> {
    const counted = this.counted.get(name);
    if (counted !== undefined && performance.now() - counted.at < COUNTED_FOR) return counted.rows;
    const rows = await this.reads.scan(countRows, tablesOf(name));
    this.counted.set(name, { rows, at: performance.now() });
    return rows;
  }

  private async rebuild(names: string[], compareOnly: boolean, report: Progress): Promise<RebuildReport> {
    this.rebuilding = names;
    try {
      const order = { ...this.file, names, compareOnly };
      return await inThread(order, report, this.writer, (thread) => (this.thread = thread));
    } finally {
      this.rebuilding = [];
      this.thread = undefined;
      for (const name of names) this.counted.delete(name);
    }
  }
}

/** Runs a rebuild in a thread of its own, for which the writer stands aside when it asks. */
export function inThread(
  order: RebuildOrder,
  report: Progress,
  writer: Pick<WriterClient, 'hold'>,
  started: (thread: Thread) => void = () => undefined,
): Promise<RebuildReport> {
  return new Promise((resolve, reject) => {
    const thread = startThread(new URL('./rebuild.thread.js', import.meta.url), { workerData: order });
    started(thread);
    const { worker } = thread;
    let release: () => void = () => undefined;
    let ended = false;
    worker.on('message', async (news: RebuildNews) => {
      if (news === 'here') return;
      if (news === 'alone') {
        release = await writer.hold();
        if (ended) release();
        worker.postMessage('go');
      } else if (news === 'over') release();
      else if ('report' in news) resolve(news.report);
      else if ('error' in news) reject(revive(news.error));
      else report(news);
    });
    worker.on('error', reject);
    worker.on('exit', () => {
      ended = true;
      release();
      reject(new DomainError('unavailable', 'rebuild-stopped', 'The rebuild was stopped; nothing was exchanged.'));
    });
  });
}

/** Removes what a killed rebuild has left behind, unless one is running. */
export function tidyRebuilds(path: string): void {
  const lock = FileLock.alone(`${path}-rebuild-lock`);
  if (lock === undefined) return;
  removeLeftovers(path);
  lock.release();
}

/** The projections that are meant by the name of one; where more may be meant, by `all`, or the index of vectors by its. */
export function resolveProjections(target: string, among: 'one' | 'any' = 'any'): string[] {
  if (target === 'all' && among === 'any') return projectors.map(({ name }) => name);
  if (known(target) || (target === VECTOR_INDEX && among === 'any')) return [target];
  throw notFound('projection', target);
}

/** Every projection of a file, its rows counted now. */
export const listProjections = (db: Reader): ProjectionView[] =>
  projectionStatus
    .run(db, null)
    .filter(({ name }) => known(name))
    .map((one) => ({ ...one, rows: countRows.run(db, tablesOf(one.name)) }));

const tablesOf = (name: string): string[] => projectors.find((projector) => projector.name === name)!.tables;

const known = (name: string): boolean => projectors.some((projector) => projector.name === name);

const revive = (error: Extract<RebuildNews, { error: unknown }>['error']): Error =>
  'kind' in error ? DomainError.from(error) : Object.assign(new Error(error.message), { stack: error.stack });
