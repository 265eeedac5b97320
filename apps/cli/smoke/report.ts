import { writeFileSync } from 'node:fs';
import type { CaseResult, SmokeReport } from './run.js';

const MARK = { passed: 'pass', failed: 'FAIL', skipped: 'skip' };
const WIDTH = 60;

/** For a person: category by category, what failed with its reason. */
export function reportOf(report: SmokeReport): string {
  const { cases, left } = report;
  const lines = [`Smoke of ${report.url} (version ${report.version}), run ${report.run}`];
  for (const category of new Set(cases.map((one) => one.category))) {
    const own = cases.filter((one) => one.category === category);
    const skipped = own.filter(({ result }) => result === 'skipped').length;
    const passed = own.filter(({ result }) => result === 'passed').length;
    lines.push('', `${category}: ${passed} of ${own.length - skipped}`);
    lines.push(...own.map(lineOf));
  }
  lines.push(
    '',
    `${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped in ${report.seconds.toFixed(1)} s.`,
  );
  lines.push(leftLine(report));
  lines.push(...left.things.map((thing) => `  STILL THERE ${thing}`));
  return `${lines.join('\n')}\n`;
}

function lineOf({ name, result, seconds, p50, p99, limit, note, reason }: CaseResult): string {
  const times =
    p99 === undefined || p50 === undefined
      ? `${Math.round(seconds * 1000)} ms`
      : `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms of ${limit} ms`;
  const line = `  ${MARK[result]}  ${name.padEnd(WIDTH)} ${times}`;
  return (
    [line, ...(note === undefined ? [] : [`(${note})`])].join('  ') +
    (reason === undefined ? '' : `\n        ${reason}`)
  );
}

const leftLine = ({ run, left: { writes, ended_tasks } }: SmokeReport): string =>
  `What it made is deleted. The log keeps its ${writes} writes (search the audit for ${run}), ` +
  `and ${ended_tasks === 1 ? 'one ended task stays' : `${ended_tasks} ended tasks stay`}.`;

/** For a build server: one suite for each category, as JUnit writes them. */
export function writeJUnit(file: string, report: SmokeReport): void {
  const { cases, seconds, started_at } = report;
  const suites = [...new Set(cases.map((one) => one.category))].map((category) => {
    const own = cases.filter((one) => one.category === category);
    const attributes = { name: category, ...counts(own), time: total(own), timestamp: started_at.slice(0, 19) };
    return `  <testsuite ${spell(attributes)}>\n${own.map(caseOf).join('')}  </testsuite>\n`;
  });
  const all = { name: 'abathur smoke', ...counts(cases), time: seconds.toFixed(3) };
  writeFileSync(
    file,
    `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${spell(all)}>\n${suites.join('')}</testsuites>\n`,
  );
}

function caseOf({ category, name, result, reason = '', note, seconds, p50, p99, limit }: CaseResult): string {
  const head = `    <testcase ${spell({ classname: category, name, time: seconds.toFixed(3) })}`;
  const measured = p99 === undefined ? '' : `p50 ${p50?.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, limit ${limit} ms`;
  const said = [measured, note ?? ''].filter((text) => text !== '').join('; ');
  const inner =
    (result === 'failed' ? `      <failure ${spell({ message: reason })}/>\n` : '') +
    (result === 'skipped' ? `      <skipped ${spell({ message: reason })}/>\n` : '') +
    (said === '' ? '' : `      <system-out>${escaped(said)}</system-out>\n`);
  return inner === '' ? `${head}/>\n` : `${head}>\n${inner}    </testcase>\n`;
}

const counts = (cases: CaseResult[]): Record<string, string> => ({
  tests: String(cases.length),
  failures: String(cases.filter(({ result }) => result === 'failed').length),
  skipped: String(cases.filter(({ result }) => result === 'skipped').length),
});

const total = (cases: CaseResult[]): string => cases.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(3);

const spell = (attributes: Record<string, string>): string =>
  Object.entries(attributes)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(' ');

/** Control characters may not be in XML at all, however they are written. */
const escaped = (text: string): string =>
  text
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, '\uFFFD')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/\n/g, '&#10;');
