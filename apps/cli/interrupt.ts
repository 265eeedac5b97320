import { EXIT, Failure } from './failure.js';

/** A second signal within this time is the first one, come by another way: the terminal sends it to a whole group. */
const SAME_SIGNAL = 500;

/**
 * The first Ctrl-C asks to stop: nothing new is begun, what is under way is finished. The second one cuts off what is
 * under way, too.
 */
export class Interrupt {
  private readonly cut = new AbortController();
  private asked: number | undefined;
  private readonly listener = (): void => this.onSignal();

  constructor() {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, this.listener);
  }

  /** Aborts what is under way. */
  get signal(): AbortSignal {
    return this.cut.signal;
  }

  get requested(): boolean {
    return this.asked !== undefined;
  }

  /** Throws when somebody asked to stop. */
  check(hint: string): void {
    if (this.requested) throw new Failure(EXIT.interrupted, 'interrupted', 'Stopped before the end.', hint);
  }

  off(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, this.listener);
  }

  private onSignal(): void {
    const now = performance.now();
    if (this.asked === undefined) this.asked = now;
    else if (now - this.asked > SAME_SIGNAL) this.cut.abort();
  }
}

/** Runs work that Ctrl-C may stop: then with exit code 130, and a hint how to go on. */
export async function interruptible<T>(hint: string, work: (interrupt: Interrupt) => Promise<T>): Promise<T> {
  const interrupt = new Interrupt();
  try {
    return await work(interrupt);
  } catch (error) {
    interrupt.check(hint);
    throw error;
  } finally {
    interrupt.off();
  }
}
