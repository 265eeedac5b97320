import { join } from 'node:path';
import type { Criterion } from './criteria.js';
import type { Report } from './report.js';
import { span } from './words.js';

const MARK: Record<Criterion['status'], string> = { met: 'ok  ', missed: 'FAIL', 'not seen': '?   ' };

/** A report in a few lines, for who sits before it. */
export function summaryOf({ criteria, verdict, because, tally }: Report, out: string): string {
  const width = Math.max(...criteria.map(({ what }) => what.length));
  const lines = criteria.map(
    ({ what, status, actual, target, margin, source }) =>
      `${MARK[status]} ${what.padEnd(width)}  ${status === 'not seen' ? source : `${actual} (${target}, ${margin})`}`,
  );
  const why = because.map((reason) => `  ${reason}`);
  return [
    ...lines,
    `${verdict} for the ${span(tally.watched_seconds)} that were watched.`,
    ...why,
    `Report: ${join(out, 'report.md')}`,
    '',
  ].join('\n');
}
