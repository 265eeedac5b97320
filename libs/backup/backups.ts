import { DomainError } from '#kernel';
import type { FileLock } from '#storage';
import { runApart } from './apart.js';
import type { Reason } from './manifest.js';
import { Shelf, type Backup } from './shelf.js';
import type { Report } from './steps.js';
import type { TakeOptions } from './take.js';

/** The backups of an open house: takes them in a process beside it, and knows those that there are. */
export class Backups {
  private readonly shelf: Shelf;
  private readonly stopped = new AbortController();
  private running = false;

  /** Told of each that was tried. */
  onEnd: (succeeded: boolean) => void = () => undefined;

  constructor(
    private readonly script: URL,
    private readonly options: Omit<TakeOptions, 'reason'>,
  ) {
    this.shelf = new Shelf(options.directory);
  }

  list(): Backup[] {
    return this.shelf.list();
  }

  /** The newest one that a restore would choose by itself. */
  latest(): Backup | undefined {
    return this.shelf.good()[0];
  }

  refuseTwoAtOnce(): void {
    if (!this.running) return;
    throw new DomainError('conflict', 'backup-running', 'A backup is being taken.', {
      hint: 'Wait until it is there: GET /v1/admin/backups.',
    });
  }

  /** Keeps backups from being taken, by any program, until it is released; refused while one is. */
  reserve(): FileLock {
    return this.shelf.reserve();
  }

  async take(reason: Reason, report?: Report): Promise<Backup & { removed: string[] }> {
    this.refuseTwoAtOnce();
    this.running = true;
    try {
      const task = { kind: 'take', input: { ...this.options, reason } } as const;
      const taken = await runApart(this.script, task, { report, signal: this.stopped.signal });
      this.onEnd(true);
      return taken;
    } catch (error) {
      if (!this.stopped.signal.aborted) this.onEnd(false);
      throw error;
    } finally {
      this.running = false;
    }
  }

  /** Ends one that is being taken: what it has made so far is removed by the next one. */
  stop(): void {
    this.stopped.abort();
  }
}
