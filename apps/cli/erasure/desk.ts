import { eraseSubject, readConfig, type Erasing, type Erasure, type ErasureInput, type ErasurePlan } from '#assembly';
import { fenceOff } from '#backup';
import { EXIT, Failure } from '../failure.js';
import { ended } from '../follow.js';
import type { Rest } from '../rest.js';
import type { Target } from '../target.js';

export type Plan = Pick<ErasurePlan, 'subject_ref' | 'entries' | 'counts' | 'shared'>;

/** Where subjects are erased: in the server that has the database open, or in the file, which nobody may have open. */
export interface EraseDesk {
  plan(input: ErasureInput): Promise<Plan>;
  erase(input: ErasureInput): Promise<{ erasure: Erasure; repeated: boolean }>;
}

export const deskOf = (target: Target): EraseDesk =>
  target.kind === 'server' ? onServer(target.rest) : onFile(target.path);

const ROUTE = '/v1/admin/erasures';

function onServer(rest: Rest): EraseDesk {
  return {
    plan: async (input) => (await rest.post<{ plan: Plan }>(ROUTE, { ...input, dry_run: true })).body.plan,
    erase: async (input) => {
      const { operation, erasure } = (await rest.post<Erasing>(ROUTE, input)).body;
      if (operation === null) return { erasure, repeated: true };
      const { status, error } = await ended(rest, operation);
      if (status !== 'succeeded') {
        throw new Failure(
          EXIT.unavailable,
          'erasure-not-done',
          `The erasure ${status}: ${error}`,
          'It is ordered, and goes on at the next start of the server or when it is asked for again.',
        );
      }
      return { erasure: (await rest.get<Erasure>(`${ROUTE}/${erasure.id}`)).body, repeated: false };
    },
  };
}

function onFile(path: string): EraseDesk {
  const { ABATHUR_BACKUP_DIR: backupDirectory } = readConfig(process.env);
  const quiet = async <T>(work: () => Promise<T>): Promise<T> => {
    const fence = fenceOff(path);
    try {
      return await work();
    } finally {
      fence.release();
    }
  };
  return {
    plan: (input) =>
      quiet(async () => {
        let found: Plan | undefined;
        await eraseSubject({ path, backupDirectory }, input, async (plan) => {
          const { subject_ref, entries, counts, shared } = plan;
          found = { subject_ref, entries, counts, shared };
          return false;
        });
        return found!;
      }),
    erase: (input) =>
      quiet(async () => {
        let before: Erasure | null = null;
        const erasure = await eraseSubject({ path, backupDirectory }, input, async (_, known) => {
          before = known;
          return true;
        });
        return { erasure: erasure ?? before!, repeated: erasure === null };
      }),
  };
}
