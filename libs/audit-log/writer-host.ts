import type { MessagePort } from 'node:worker_threads';
import { DomainError } from '#kernel';
import type { BatchReport, SerializedError, ToWriter } from './writer-client.js';
import type { Settled, Writer, WriterRequest } from './writer.js';

/** Most requests in one transaction: enough to share an fsync, few enough that nobody waits long for the commit. */
const MAX_BATCH = 256;

export interface WriterHostOptions {
  close(): void;
  /** Before each batch; what the returned function answers after it goes to the main thread with the batch's results. */
  watch?(): () => unknown;
}

/** The inside of the writer thread: whatever has come in while the last transaction ran is the next batch. */
export function hostWriter(port: MessagePort, writer: Writer, { close, watch }: WriterHostOptions): void {
  let queue: { id: number; request: WriterRequest }[] = [];
  let scheduled = false;

  const drain = (): void => {
    scheduled = false;
    const batch = queue.slice(0, MAX_BATCH);
    queue = queue.slice(MAX_BATCH);
    const seen = watch?.();
    const begin = performance.now();
    const settled = writer.batch(batch.map(({ request }) => request)).map(serialize);
    const seconds = (performance.now() - begin) / 1000;
    port.postMessage({ ids: batch.map(({ id }) => id), settled, seconds, news: seen?.() } satisfies BatchReport);
    if (queue.length > 0) schedule();
  };
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(drain);
  };

  port.on('message', (message: ToWriter | 'close') => {
    if (message === 'close') {
      close();
      port.close();
      return;
    }
    queue.push(...message.requests);
    schedule();
  });
}

const serialize = (settled: Settled): BatchReport['settled'][number] =>
  'error' in settled ? { error: serializeError(settled.error) } : settled;

function serializeError(error: unknown): SerializedError {
  if (error instanceof DomainError) return error.toJSON();
  const { message, stack } = error as Error;
  return { message, stack };
}
