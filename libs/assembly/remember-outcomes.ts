import { chooseStep, type SqliteAuditLog } from '#audit-log';
import { memory } from '#memories';
import { endedTasks, type EndedTask } from '#work';
import { systemCaller } from './caller.js';
import type { House } from './house.js';
import { outcomeOf, reactionPosition } from './task-outcome.js';

const REACTION = 'outcomes';
const PAGE = 100;

/**
 * Remembers the outcomes that came since the last turn. What is chosen in the writer's transaction is chosen once, so a
 * turn that is repeated after a crash, or by another worker, writes nothing twice. Returns how many outcomes it saw.
 */
export async function rememberOutcomes({ auditLog, reads }: Pick<House, 'auditLog' | 'reads'>): Promise<number> {
  const after = reads.point(reactionPosition, REACTION);
  const ended = reads.point(endedTasks, { after, limit: PAGE });
  await Promise.all(ended.map((outcome) => remember(auditLog, outcome)));
  const last = ended.at(-1);
  if (last !== undefined) await auditLog.chore('move-reaction', { name: REACTION, position: last.ended });
  return ended.length;
}

async function remember(log: SqliteAuditLog, outcome: EndedTask): Promise<void> {
  const { correlation_id, ended } = outcome;
  // Part of the work that ended the task: whoever takes that back takes this back as well.
  const caller = { ...systemCaller(), correlation_id, causation_id: `pos-${ended}` };
  await log.execute({ caller, steps: [chooseStep(memory, outcomeOf, outcome)] });
}
