import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { startThread, type Thread } from './thread.js';

const STARTED = 0;
const MAY_START = 1;

/** A thread that starts when it may, says so, and then does what is said. */
function threadThat(then: string): { thread: Thread; cells: Int32Array } {
  const cells = new Int32Array(new SharedArrayBuffer(8));
  const script = `
    import { parentPort, workerData } from 'node:worker_threads';
    Atomics.wait(workerData, ${MAY_START}, 0);
    Atomics.store(workerData, ${STARTED}, 1);
    ${then}`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
  return { thread: startThread(url, { workerData: cells }), cells };
}

function letStart(cells: Int32Array): void {
  Atomics.store(cells, MAY_START, 1);
  Atomics.notify(cells, MAY_START);
}

describe('A thread that is ended', () => {
  // Ended while it loads a native module, it would take the whole process with it: a server that is stopped at once aborted.
  it('is let start first', async () => {
    const { thread, cells } = threadThat(`parentPort.postMessage('here'); setInterval(() => {}, 1000);`);
    const ended = thread.end();
    letStart(cells);
    await ended;
    expect(Atomics.load(cells, STARTED)).toBe(1);
  });

  it('is ended at once when it has started, whatever it does', async () => {
    const { thread, cells } = threadThat(`parentPort.postMessage('here'); for (;;);`);
    letStart(cells);
    await once(thread.worker, 'message');
    await thread.end();
    expect(thread.worker.threadId).toBe(-1);
  });

  it.each([
    ['ends by itself', ''],
    ['breaks down', `throw new Error('no database');`],
  ])('need not be when it %s', async (_, then) => {
    const { thread, cells } = threadThat(then);
    thread.worker.on('error', () => undefined);
    const ended = thread.end();
    letStart(cells);
    await expect(ended).resolves.toBeUndefined();
  });
});
