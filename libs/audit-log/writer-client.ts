import { Worker } from 'node:worker_threads';
import { DomainError, type SerializedDomainError } from '#kernel';
import type { Settled, Writer, WriterRequest } from './writer.js';

/** Whoever settles requests: the writer thread in production, the writer itself in tests. */
export interface Settler {
  settle(request: WriterRequest): Promise<unknown>;
}

/** Settles each request at once, on this thread and in a transaction of its own: for commands on a file, and for tests. */
export function directly(writer: Pick<Writer, 'batch'>): Settler {
  return {
    settle: async (request) => {
      const [settled] = writer.batch([request]);
      if ('error' in settled!) throw settled.error;
      return settled!.value;
    },
  };
}

/** What the thread reports for a batch: which requests, what came of them, and how long it took. */
export interface BatchReport {
  ids: number[];
  settled: (Exclude<Settled, { error: unknown }> | { error: SerializedError })[];
  /** Seconds from `BEGIN` to after `COMMIT`. */
  seconds: number;
  /** What the thread has counted meanwhile, for the metrics. */
  news: unknown;
}

export type SerializedError = SerializedDomainError | { message: string; stack?: string };
export type ToWriter = { requests: { id: number; request: WriterRequest }[] };

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  since: number;
}

/** The main thread's end of the writer thread. */
export class WriterClient implements Settler {
  private readonly worker: Worker;
  private readonly exited: Promise<unknown>;
  private readonly waiting = new Map<number, Waiting>();
  private outbox: ToWriter['requests'] = [];
  private nextId = 1;
  private dead: Error | undefined;
  /** While somebody else writes to the file as a whole, requests wait here. */
  private held: (() => void) | undefined;

  /** Told of each batch: how many requests it held, its seconds, and the seconds each of them waited in all. */
  onBatch: (size: number, seconds: number, waits: number[]) => void = () => undefined;
  /** Told what the thread has counted since it told last. */
  onNews: (news: unknown) => void = () => undefined;
  /** Called when the writer thread died: nothing can be written any more. */
  onDeath: (error: Error) => void = () => undefined;

  constructor(script: URL, workerData: unknown) {
    this.worker = new Worker(script, { workerData, resourceLimits: { maxYoungGenerationSizeMb: 16 } });
    this.exited = new Promise((resolve) => this.worker.once('exit', resolve));
    this.worker.on('message', (report: BatchReport) => this.deliver(report));
    this.worker.on('error', (error) => this.die(error));
    this.worker.on('exit', (code) => this.die(new Error(`The writer thread exited with code ${code}`)));
  }

  settle(request: WriterRequest): Promise<unknown> {
    if (this.dead !== undefined) return Promise.reject(this.dead);
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      this.waiting.set(id, { resolve, reject, since: performance.now() });
      this.outbox.push({ id, request });
      // Everything that one turn of the event loop asks for crosses over in one message.
      if (this.outbox.length === 1) setImmediate(() => this.send());
    });
  }

  /** Lets what is under way end and holds back what comes, until the returned function is called. */
  async hold(): Promise<() => void> {
    while (this.held !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    const release = (): void => {
      this.held = undefined;
      if (this.outbox.length > 0) this.send();
    };
    this.held = release;
    while (this.waiting.size > this.outbox.length) await new Promise((resolve) => setTimeout(resolve, 1));
    return release;
  }

  /** Why nothing can be written any more, once that is so. */
  get failure(): Error | undefined {
    return this.dead;
  }

  /** Milliseconds that the oldest of those has waited; nothing while somebody asked the writer to stand aside. */
  get age(): number {
    const [oldest] = this.held === undefined ? this.waiting.values() : [];
    return oldest === undefined ? 0 : performance.now() - oldest.since;
  }

  get depth(): number {
    return this.waiting.size;
  }

  /** Waits for what is under way, then ends the thread. */
  async close(): Promise<void> {
    while (this.waiting.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    this.dead ??= new DomainError('unavailable', 'shutting-down', 'The server is shutting down.', { retry_after: 1 });
    this.worker.postMessage('close');
    await this.exited;
  }

  private send(): void {
    if (this.held !== undefined) return;
    const requests = this.outbox;
    this.outbox = [];
    this.worker.postMessage({ requests } satisfies ToWriter);
  }

  private deliver({ ids, settled, seconds, news }: BatchReport): void {
    const now = performance.now();
    const waits: number[] = [];
    ids.forEach((id, index) => {
      const waiting = this.waiting.get(id)!;
      const result = settled[index]!;
      this.waiting.delete(id);
      waits.push((now - waiting.since) / 1000);
      if ('error' in result) waiting.reject(revive(result.error));
      else waiting.resolve(result.value);
    });
    this.onBatch(ids.length, seconds, waits);
    if (news !== undefined) this.onNews(news);
  }

  private die(error: Error): void {
    if (this.dead !== undefined) return;
    this.dead = error;
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
    this.onDeath(error);
  }
}

const revive = (error: SerializedError): Error =>
  'kind' in error ? DomainError.from(error) : Object.assign(new Error(error.message), { stack: error.stack });
