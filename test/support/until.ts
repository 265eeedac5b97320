import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience {
  /** How long it may take at most. Generous: a busy machine is no failure. */
  seconds?: number;
  /** Milliseconds between two looks. */
  every?: number;
  /** What to tell when it did not come, for instance what was seen instead. */
  instead?: () => unknown;
}

/** Looks again and again until there is something (anything but false, null and undefined), and returns it. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { seconds = 50, every = 50, instead }: Patience = {},
): Promise<NonNullable<T>> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found;
    if (performance.now() > end) {
      const seen = instead === undefined ? '' : `; instead: ${JSON.stringify(await instead())}`;
      throw new Error(`${what}: not within ${seconds} s${seen}`);
    }
    await sleep(every);
  }
}

/** The same, for what needs no name because the line that waits says it. */
export const holds = (look: () => unknown): Promise<unknown> => until('it does not come to hold', look);
