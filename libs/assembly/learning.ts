import type { ProcedureOutcomes } from '#work';

/** How often tasks that went by a version of a procedure came to a good end. */
export interface VersionRate extends ProcedureOutcomes {
  /** Share of completed ones among those that ended; `null` while none has. */
  success_rate: number | null;
}

export const withRate = ({ version, completed, failed }: ProcedureOutcomes): VersionRate => ({
  version,
  completed,
  failed,
  success_rate: completed + failed === 0 ? null : completed / (completed + failed),
});

/** Whether there is a version to go back to, and why. */
export interface Verdict {
  to_version: number | null;
  explanation: string;
}

/** Which version did better than the current one, judged only by versions that ended at least so many tasks. */
export function judge(current: number, rates: VersionRate[], min_outcomes: number): Verdict {
  const now =
    rates.find(({ version }) => version === current) ?? withRate({ version: current, completed: 0, failed: 0 });
  if (ended(now) < min_outcomes) {
    return stay(`Version ${current} has ended ${tasks(ended(now))}, too few to judge it by: at least ${min_outcomes}.`);
  }
  const others = rates.filter(({ version }) => version !== current).filter((rate) => ended(rate) >= min_outcomes);
  const [best] = others.toSorted((a, b) => b.success_rate! - a.success_rate! || b.version - a.version);
  if (best === undefined) return stay(`${told(now)} No other version has ended at least ${tasks(min_outcomes)}.`);
  if (best.success_rate! <= now.success_rate!) return stay(`${told(now)} No other version did better.`);
  return { to_version: best.version, explanation: `${told(now)} ${told(best)}` };
}

const stay = (explanation: string): Verdict => ({ to_version: null, explanation });
const ended = ({ completed, failed }: VersionRate): number => completed + failed;
const tasks = (count: number): string => `${count} ${count === 1 ? 'task' : 'tasks'}`;
const told = (rate: VersionRate): string =>
  `Version ${rate.version} completed ${rate.completed} of ${tasks(ended(rate))} (${Math.round(100 * rate.success_rate!)} %).`;
