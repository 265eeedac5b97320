import { Worker, type WorkerOptions } from 'node:worker_threads';

/** A thread that opens a database, and says something once it has. */
export interface Thread {
  worker: Worker;
  /** Ends it from outside, whatever it does, as soon as it has opened its database. */
  end(): Promise<void>;
}

/**
 * Starts a thread. Node ends the whole process when a thread is ended while it loads a native module such as SQLite's, so one
 * that has said nothing yet is let start first.
 */
export function startThread(script: URL, options: WorkerOptions): Thread {
  const worker = new Worker(script, options);
  const begun = new Promise((resolve) => worker.once('message', resolve).once('exit', resolve));
  return {
    worker,
    end: async () => {
      await begun;
      await worker.terminate();
    },
  };
}
