import { fork } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { DomainError } from '#kernel';
import type { Report, Step } from './steps.js';
import type { FromTask, Task, TaskKind, Tasks } from './task.js';

/** How often the size of a growing file is looked at, in milliseconds. */
const LOOK = 200;

/**
 * Runs a task in a process of its own: SQLite copies and checks without pause, which would stop everything else in this
 * one, and a process can be ended at any moment. Ended by the signal, it leaves what its next run removes.
 */
export async function runApart<K extends TaskKind>(
  script: URL,
  task: Task<K>,
  { report = () => undefined, signal }: { report?: Report; signal?: AbortSignal } = {},
): Promise<Tasks[K]['result']> {
  signal?.throwIfAborted();
  const child = fork(script, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
  const end = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', end);
  const watch = new Watch(report);
  try {
    return await new Promise<Tasks[K]['result']>((resolve, reject) => {
      child.on('message', (news: FromTask) => {
        if ('step' in news) watch.see(news.step);
        else if ('result' in news) resolve(news.result as Tasks[K]['result']);
        else reject(revive(news.error));
      });
      child.once('error', reject);
      child.once('exit', (code, by) =>
        reject(signal?.reason ?? new Error(`The process of the backup ended early (${by ?? code}).`)),
      );
      child.send(task);
    });
  } finally {
    watch.end();
    signal?.removeEventListener('abort', end);
    if (child.connected) child.disconnect();
  }
}

/** Passes steps on; while SQLite writes a copy, which says nothing, its size tells how far it is. */
class Watch {
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly report: Report) {}

  see(step: Step): void {
    this.end();
    this.report(step);
    const { file } = step;
    if (file === undefined) return;
    this.timer = setInterval(() => {
      void stat(file).then(
        ({ size }) => this.timer && this.report({ ...step, done: Math.min(size, step.total) }),
        () => undefined,
      );
    }, LOOK);
  }

  end(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}

const revive = (error: Extract<FromTask, { error: unknown }>['error']): Error =>
  'kind' in error ? DomainError.from(error) : Object.assign(new Error(error.message), error);
