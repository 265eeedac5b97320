import { decideStep, type Decision, type SqliteAuditLog, type Step } from '#audit-log';
import type { Caller } from '#kernel';
import type { ReadSide } from '#storage';
import { memory } from './memory.decider.js';
import type { ExpiryReason } from './memory.events.js';
import { endedMemories, type Fading } from './fading.reads.js';

/** What of a version may fade: nothing happens when it is not what is there any more. */
export const expire = ({ namespace, key, version }: Fading, reason: ExpiryReason): Step =>
  decideStep(memory, { type: 'ExpireMemory', namespace, key, version, reason });

export interface ExpiryRun {
  log: Pick<SqliteAuditLog, 'execute'>;
  reads: Pick<ReadSide, 'scan'>;
  /** Who does it, with the time of now. */
  caller: () => Caller;
  dry_run: boolean;
  report: (progress: { done: number; total: number }) => void;
  signal: AbortSignal;
}

/** Memories in one transaction: few enough that nobody waits long behind them. */
const PAGE = 100;
/** How many ids a run tells. */
const TOLD = 1000;

/** Lets every memory fade whose life time is over. Stopped on the way, it has done what it has done. */
export async function expireEnded(run: ExpiryRun): Promise<{ expired: number; ids: number[] }> {
  const { log, reads, caller, dry_run, report, signal } = run;
  const until = caller().time;
  const ids: number[] = [];
  let expired = 0;
  let after: Fading | undefined;
  do {
    signal.throwIfAborted();
    const page: Fading[] = await reads.scan(endedMemories, { until, after, limit: PAGE });
    const faded = dry_run ? page : await fade(log, caller(), page);
    expired += faded.length;
    ids.push(...faded.slice(0, TOLD - ids.length).map(({ id }) => id));
    report({ done: expired, total: expired });
    after = page.length === PAGE ? page.at(-1) : undefined;
  } while (after !== undefined);
  return { expired, ids };
}

/** Those of a page that were still what they were when it was read. */
async function fade(log: ExpiryRun['log'], caller: Caller, page: Fading[]): Promise<Fading[]> {
  if (page.length === 0) return [];
  const { results } = await log.execute({ caller, steps: page.map((one) => expire(one, 'ttl')) });
  return page.filter((_, index) => (results[index] as Decision).events.length > 0);
}
