import type { CheckResult, IntegrityReport } from '#assembly';
import { EXIT } from '../failure.js';
import { interruptible } from '../interrupt.js';
import { takesTarget } from '../options.js';
import { count, duration } from '../progress.js';
import { answer, type Verb } from '../verb.js';

export const integrity: Verb = {
  name: 'integrity',
  description: 'Check everything in the database against everything else. Exit code 1: something is wrong.',
  example: 'abathur integrity --file /var/lib/abathur/abathur.db',
  declare: takesTarget,
  async run(call) {
    const [{ target }, { checkThere, checkHere }] = await Promise.all([
      import('../target.js'),
      import('../check-integrity.js'),
    ]);
    return interruptible('A check that runs in the server goes on there.', async (interrupt) => {
      const of = await target(call, interrupt.signal);
      const report =
        of.kind === 'server'
          ? await checkThere(of.rest, interrupt, call.json)
          : checkHere(of.path, interrupt, call.json);
      answer(call, report, tableOf(report));
      return report.ok ? 0 : EXIT.no;
    });
  },
};

const ABOUT: Record<CheckResult['name'], string> = {
  sqlite: 'pages, indexes and schema of the file',
  'foreign-keys': 'rows that refer to rows',
  chain: 'the hash chain, and the books kept beside it',
  tables: 'tables against the log',
  words: 'word indexes against the log',
  vectors: 'texts, vectors and their codes',
};

export function tableOf({ ok, position, seconds, checks }: IntegrityReport): string {
  const lines = checks.flatMap(({ name, flaws, flaw_count, ...check }) => [
    `${check.ok ? 'ok  ' : 'FAIL'} ${name.padEnd(13)} ${ABOUT[name]}${check.checked > 0 ? `: ${count(check.checked)}` : ''}, ${duration(check.seconds)}`,
    ...flaws.flatMap(({ where, what, remedy }) => [`       ${where}: ${what}`, `         ${remedy}`]),
    ...(flaw_count > flaws.length ? [`       and ${count(flaw_count - flaws.length)} more`] : []),
  ]);
  const end = ok
    ? `Everything fits together up to position ${position}, in ${duration(seconds)}.`
    : `Something does not fit together; nothing was changed.`;
  return `${lines.join('\n')}\n${end}\n`;
}
