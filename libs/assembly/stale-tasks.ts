import { decideStep } from '#audit-log';
import { staleTasks, task } from '#work';
import { systemCaller } from './caller.js';
import type { House } from './house.js';

/** How many are looked at in one turn. */
const PAGE = 100;

/**
 * Ends attempts that have run out of time: the task is tried again or has failed. Two workers may see the same one; the
 * command names the attempt, so the second of them finds nothing to do. Returns how many there were.
 */
export async function endStaleTasks({
  auditLog,
  reads,
  log,
  metrics,
}: Pick<House, 'auditLog' | 'reads' | 'log' | 'metrics'>): Promise<number> {
  const caller = systemCaller();
  const stale = reads.point(staleTasks, { now: caller.time, limit: PAGE });
  for (const { task_id, timeout_at } of stale) {
    const step = decideStep(task, { type: 'TimeOutTask', task_id, timeout_at });
    const { results } = await auditLog.execute({ caller, steps: [step] });
    if ((results[0] as { events: unknown[] }).events.length === 0) continue;
    metrics.tasksTimedOut.inc();
    log.warn('task-timed-out', { task_id, timeout_at });
  }
  return stale.length;
}
