import { DomainError } from '#kernel';
import type { Backup } from './shelf.js';
import type { Staged } from './stage.js';

/** A backup that could not be restored, and why. */
export interface PassedOver {
  id: string;
  reason: string;
}

/** What a copy that is not what it should be is refused with; anything else is no reason to try an older one. */
const NOT_GOOD = ['backup-damaged', 'database-unsound'];

/** Prepares the newest of these backups that is good: each is unpacked and checked as a whole before it is called so. */
export async function prepareLastGood(
  backups: Backup[],
  prepare: (backup: Backup) => Promise<Staged>,
): Promise<{ staged: Staged; passedOver: PassedOver[] }> {
  const passedOver: PassedOver[] = [];
  for (const backup of backups) {
    try {
      return { staged: await prepare(backup), passedOver };
    } catch (error) {
      if (!(error instanceof DomainError) || !NOT_GOOD.includes(error.code)) throw error;
      passedOver.push({ id: backup.manifest.id, reason: error.message });
    }
  }
  throw new DomainError('not-found', 'backup-not-found', `There is no good backup (of ${backups.length}).`, {
    hint: 'Name one elsewhere with --to. Nothing was changed.',
  });
}
