import { DomainError, type SerializedDomainError } from '#kernel';
import type { Read } from './reads.js';
import { startThread, type Thread } from './thread.js';

export interface PoolOptions {
  /** The script that a reader thread runs; it ends in {@link import('./reader-host.js').hostReads}. */
  script: URL;
  workerData: unknown;
  min: number;
  max: number;
  /** How long a read may wait for a free reader, in milliseconds. */
  acquireTimeout: number;
}

export interface PoolStatus {
  min: number;
  max: number;
  size: number;
  in_use: number;
  waiting: number;
  timeouts: number;
}

export interface ReadRequest {
  id: number;
  read: string;
  input: unknown;
}

/** What a reader says when it has started, before it is asked anything. */
export const HERE = { id: 0, answer: null };

export type ReadReply =
  { id: number; answer: unknown } | { id: number; error: SerializedDomainError | { message: string; stack?: string } };

interface Job {
  request: ReadRequest;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
  timer?: NodeJS.Timeout;
  queued: number;
}

// Up to twenty of them: what a reader makes is short-lived, and a small nursery is swept as well as a large one.
const SMALL = { maxYoungGenerationSizeMb: 8 };

/** How long to wait before another reader is started after one that has answered nothing, at first and at most, in ms. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 30_000;

/** Reads that may wait for a reader: more could only wait in vain. */
const MOST_WAITING = 1024;

interface Lane extends Thread {
  job?: Job;
  /** Whether it has said that it is there: one that has not may be the first of many that end at their start. */
  proven: boolean;
}

/**
 * Reader threads, one read-only connection each, for whatever may take longer than a point read: the event loop
 * never waits for a scan. A read that finds no free reader within the acquire timeout is refused with 503; a running
 * statement cannot be cancelled, so the bound is on waiting.
 */
export class ReaderPool {
  private readonly lanes: Lane[] = [];
  private readonly queue: Job[] = [];
  private timeouts = 0;
  private nextId = 1;
  private starts = 0;
  private closed = false;
  /** Readers that ended without an answer, one after the other. */
  private stillborn = 0;
  private readonly full = new StopWatch();
  private pause: NodeJS.Timeout | undefined;

  /** Called with the seconds that each read waited for its reader. */
  onAcquired: (seconds: number) => void = () => undefined;

  constructor(private readonly options: PoolOptions) {}

  /**
   * Starts the readers that are always there. Apart from the constructor, because a starting program has other things to
   * do first; reads that come earlier start a reader each.
   */
  fill(): void {
    while (this.lanes.length < this.options.min) this.addLane();
  }

  /** How often a reader was started so far. */
  get started(): number {
    return this.starts;
  }

  /** How many readers have ended in a row before they had answered anything: each could not open the database. */
  get failedInARow(): number {
    return this.stillborn;
  }

  /** Seconds in which all readers there may be were busy, this very moment included. */
  get exhaustedSeconds(): number {
    return this.full.seconds;
  }

  run<Input, Answer>(read: Read<Input, Answer>, input: Input): Promise<Answer> {
    if (this.closed) return Promise.reject(shuttingDown());
    return new Promise<Answer>((resolve, reject) => {
      const request = { id: this.nextId++, read: read.name, input };
      const job: Job = { request, resolve: resolve as (answer: unknown) => void, reject, queued: performance.now() };
      const lane = this.free;
      if (lane !== undefined) return this.start(lane, job);
      if (this.queue.length >= MOST_WAITING) return reject(exhausted(this.options));
      job.timer = setTimeout(() => this.giveUp(job), this.options.acquireTimeout);
      this.queue.push(job);
      this.grow();
    });
  }

  status(): PoolStatus {
    const { min, max } = this.options;
    const in_use = this.lanes.filter(({ job }) => job !== undefined).length;
    return { min, max, size: this.lanes.length, in_use, waiting: this.queue.length, timeouts: this.timeouts };
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.pause);
    for (const job of this.queue.splice(0)) this.settle(job, () => job.reject(shuttingDown()));
    for (const { job } of this.lanes) job?.reject(shuttingDown());
    await Promise.all(this.lanes.map((lane) => lane.end()));
  }

  private addLane(): Lane {
    this.starts += 1;
    const lane: Lane = {
      proven: false,
      ...startThread(this.options.script, { workerData: this.options.workerData, resourceLimits: SMALL }),
    };
    lane.worker.unref();
    lane.worker.on('message', (reply: ReadReply) => this.finish(lane, reply));
    lane.worker.on('error', (error) => this.replace(lane, error));
    lane.worker.on('exit', (code) => this.replace(lane, new Error(`A reader thread exited with code ${code}`)));
    this.lanes.push(lane);
    return lane;
  }

  private start(lane: Lane, job: Job): void {
    clearTimeout(job.timer);
    this.onAcquired((performance.now() - job.queued) / 1000);
    lane.job = job;
    this.full.run(this.isFull);
    lane.worker.ref();
    lane.worker.postMessage(job.request);
  }

  private finish(lane: Lane, reply: ReadReply): void {
    lane.proven = true;
    this.stillborn = 0;
    if (reply.id === HERE.id) return this.welcome(lane);
    const { job } = lane;
    lane.job = undefined;
    lane.worker.unref();
    const next = this.take();
    if (next !== undefined) this.start(lane, next);
    else this.full.run(this.isFull);
    if (job === undefined) return;
    if ('answer' in reply) job.resolve(reply.answer);
    else
      job.reject(
        'kind' in reply.error
          ? DomainError.from(reply.error)
          : Object.assign(new Error(reply.error.message), { stack: reply.error.stack }),
      );
  }

  /**
   * A reader that died takes its read with it; another one takes its place. At once if it had worked; else after a pause
   * that grows, because what ended it will end the next one, too.
   */
  private replace(lane: Lane, error: unknown): void {
    const index = this.lanes.indexOf(lane);
    if (index < 0 || this.closed) return;
    this.lanes.splice(index, 1);
    this.full.run(this.isFull);
    lane.job?.reject(error);
    if (lane.proven) return this.refill();
    this.stillborn += 1;
    this.pause ??= setTimeout(
      () => {
        this.pause = undefined;
        this.refill();
      },
      Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.stillborn - 1)),
    ).unref();
  }

  private refill(): void {
    while (this.lanes.length < this.options.min) this.addLane();
    for (let lane = this.free; lane !== undefined && this.queue.length > 0; lane = this.free) {
      this.start(lane, this.take()!);
    }
    this.grow();
  }

  /** A reader that has just started takes what waits, and makes room for the next one. */
  private welcome(lane: Lane): void {
    const next = lane.job === undefined ? this.take() : undefined;
    if (next !== undefined) this.start(lane, next);
    this.grow();
  }

  /**
   * One more reader while somebody waits, one at a time: those there are answer a burst in a moment, and a dozen threads
   * that start at once would take the processor from them.
   */
  private grow(): void {
    if (this.queue.length === 0 || this.lanes.length >= this.options.max || this.pause !== undefined) return;
    if (!this.hasProven) return this.start(this.addLane(), this.take()!);
    if (this.lanes.every(({ proven }) => proven)) this.addLane();
  }

  /** A reader that can begin. One that is still starting gets a read only where there is none that would be free before. */
  private get free(): Lane | undefined {
    const free = this.lanes.filter(({ job }) => job === undefined);
    return free.find(({ proven }) => proven) ?? (this.hasProven ? undefined : free[0]);
  }

  private get hasProven(): boolean {
    return this.lanes.some(({ proven }) => proven);
  }

  private get isFull(): boolean {
    return this.lanes.length >= this.options.max && this.lanes.every(({ job }) => job !== undefined);
  }

  private take(): Job | undefined {
    const job = this.queue.shift();
    if (job !== undefined) clearTimeout(job.timer);
    return job;
  }

  private giveUp(job: Job): void {
    this.timeouts += 1;
    this.settle(job, () => job.reject(exhausted(this.options)));
  }

  private settle(job: Job, answer: () => void): void {
    clearTimeout(job.timer);
    const index = this.queue.indexOf(job);
    if (index >= 0) this.queue.splice(index, 1);
    answer();
  }
}

/** Adds up the time for which something holds. */
class StopWatch {
  private elapsed = 0;
  private since: number | undefined;

  get seconds(): number {
    return (this.elapsed + (this.since === undefined ? 0 : performance.now() - this.since)) / 1000;
  }

  run(holds: boolean): void {
    if (holds) this.since ??= performance.now();
    else if (this.since !== undefined) {
      this.elapsed += performance.now() - this.since;
      this.since = undefined;
    }
  }
}

const exhausted = ({ max, acquireTimeout }: PoolOptions): DomainError =>
  new DomainError('unavailable', 'pool-exhausted', `All ${max} readers were busy for ${acquireTimeout / 1000} s.`, {
    retry_after: 1,
    hint: 'Ask for smaller pages, or raise ABATHUR_DB_POOL_MAX.',
  });

const shuttingDown = (): DomainError =>
  new DomainError('unavailable', 'shutting-down', 'The server is shutting down.', { retry_after: 1 });
