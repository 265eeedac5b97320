import type { Caller } from '#kernel';
import { lastResult, type Operation, type Operations, type OperationWork } from '#operations';
import type { ReadSide } from '#storage';
import type { Log } from '#telemetry';
import type { IntegrityReport } from './report.js';
import type { IntegrityWatch } from './watch.js';

const KIND = 'integrity';
const KINDS = [KIND, 'job.check-integrity'];
const ALONE = { kinds: KINDS, code: 'integrity-running', message: 'A check of the database is under way already.' };

/** What of the house a check needs. */
interface Checked {
  integrity: IntegrityWatch;
  operations: Operations;
  log: Log;
}

/** Begins a check of the database, one at a time over all processes on the file; the operation tells how it goes, and what it found. */
export function startIntegrityCheck(house: Checked, by?: Caller): Promise<Operation> {
  return house.operations.startAlone(KIND, integrityCheck(house), ALONE, by);
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
  reads.point(lastResult, KINDS) as IntegrityReport | null;
