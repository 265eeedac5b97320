import { checkIntegrity, type IntegrityReport } from '#assembly';
import { EXIT, Failure } from './failure.js';
import { follow, LateBar } from './follow.js';
import type { Interrupt } from './interrupt.js';
import type { Rest } from './rest.js';
import { openToRead } from './target.js';

/** Has a running server check its database. */
export async function checkThere(rest: Rest, interrupt: Interrupt, quiet: boolean): Promise<IntegrityReport> {
  const operation = await follow(rest, interrupt, { path: '/v1/admin/integrity', title: 'Checking', quiet });
  if (operation.status === 'succeeded') return operation.result as IntegrityReport;
  throw new Failure(EXIT.unavailable, 'integrity-not-checked', `The check ended early: ${operation.error}`);
}

/** Checks a file right here. */
export function checkHere(path: string, interrupt: Interrupt, quiet: boolean): IntegrityReport {
  // Nothing is waited for from here on, so that the first Ctrl-C has to end it; there is nothing to tidy up.
  interrupt.off();
  openToRead(path).close();
  const bar = new LateBar('Checking', quiet);
  const report = checkIntegrity(path, (progress) => bar.at(progress));
  bar.end();
  return report;
}
