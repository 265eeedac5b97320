import { existsSync, rmSync } from 'node:fs';
import { DomainError } from '#kernel';
import { FileLock, isOpenSomewhere, lockOf, stagingOf, swapIn } from '#storage';
import type { Staged } from './stage.js';

export interface Restored extends Staged {
  database: string;
  /** Where the files of the old database are now; `null` where there was none. */
  aside: string | null;
}

/**
 * Puts a backup in the place of a database: nobody may have it open, and nobody can open it meanwhile. `prepare` makes the
 * new one beside it; `decide` is shown what that is and what would be lost, and may say no.
 */
export async function restoreInto(
  database: string,
  prepare: () => Promise<Staged>,
  decide: (staged: Staged) => Promise<boolean>,
): Promise<Restored | undefined> {
  const fence = fenceOff(database);
  try {
    const staged = await prepare();
    if (!(await decide(staged))) return undefined;
    const existed = existsSync(database);
    const aside = swapIn(database);
    if (!existed) rmSync(aside, { recursive: true });
    return { ...staged, database, aside: existed ? aside : null };
  } finally {
    rmSync(stagingOf(database).directory, { recursive: true, force: true });
    fence.release();
  }
}

/** Makes sure that nobody has the database open, and that none of our programs can open it until the lock is released. */
export function fenceOff(database: string): FileLock {
  const fence = FileLock.alone(lockOf(database));
  if (fence === undefined) throw inUse(database);
  if (isOpenSomewhere(database)) {
    fence.release();
    throw inUse(database);
  }
  return fence;
}

const inUse = (database: string): DomainError =>
  new DomainError('conflict', 'database-in-use', `${database} is in use: a running program has it open.`, {
    hint: 'Stop the server and its workers, then run this again. Nothing was changed.',
  });
