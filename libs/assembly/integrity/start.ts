import type { Caller } from '#kernel';
import { lastResult, type Operation, type Operations, type OperationWork } from '#operations';
import type { ReadSide } from '#storage';
import type { Log } from '#telemetry';
import type { IntegrityReport } from './report.js';
import type { IntegrityWatch } from './watch.js';

const KIND = 'integrity';

/** What of the house a check needs. */
interface Checked {
  integrity: IntegrityWatch;
  operations: Operations;
  log: Log;
}

/** Begins a check of the database; the operation tells how it goes, and what it found. */
export async function startIntegrityCheck(house: Checked, by?: Caller): Promise<Operation> {
  const before = await house.operations.again(by);
  if (before !== undefined) return before;
  house.integrity.refuseTwice();
  return house.operations.start(KIND, integrityCheck(house), by);
}

/** A check of the database as the work of an operation; what is wrong goes to the program's log, too. */
export const integrityCheck =
  ({ integrity, log }: Pick<Checked, 'integrity' | 'log'>): OperationWork =>
  async (report) => {
    const found = await integrity.run(report);
    const [flaw] = found.checks.flatMap(({ flaws }) => flaws);
    if (flaw === undefined) log.info('integrity-checked', { seconds: found.seconds });
    else log.error('integrity-flawed', new Error(`${flaw.where}: ${flaw.what}`), { seconds: found.seconds });
    return found;
  };

/** What the last check of this database found, whichever process made it; `null` when there was none yet. */
export const lastIntegrityReport = (reads: ReadSide): IntegrityReport | null =>
  reads.point(lastResult, [KIND, 'job.check-integrity']) as IntegrityReport | null;
