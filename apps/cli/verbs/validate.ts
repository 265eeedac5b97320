import { EXIT } from '../failure.js';
import { Interrupt } from '../interrupt.js';
import { DEFAULT_URL, span, url, whole } from '../options.js';
import { answer, type Verb } from '../verb.js';

const DAY = 86_400;

export const validate: Verb = {
  name: 'validate',
  description:
    'Watch a deployment for a while and write a report: what was asked of it, what it took, GO or NO-GO. Exit code 1: NO-GO.',
  example: 'abathur validate --for 48h --url https://memory.example.com --out validation',
  declare: (command) =>
    command
      .option('--url <url>', 'process to watch; once for each process of the deployment', urls)
      .option('--key <key>', 'key of an operator or auditor, where the deployment asks for keys')
      .option('--for <time>', 'how long: 15m, 1h, 48h', span(1, 30 * DAY), 2 * DAY)
      .option('--every <seconds>', 'seconds between two checks', whole(1, 3600), 15)
      .option('--out <directory>', 'where report, charts and samples go')
      .option('--prometheus <url>', 'a Prometheus with the alert rules, to ask what fired', url)
      .option('--from <samples>', 'watch nothing: make the report of these samples again'),
  async run(call) {
    const [{ watch, fromRecord }, { summaryOf }] = await Promise.all([
      import('../validate/watch.js'),
      import('../validate/summary.js'),
    ]);
    const { url: named = [DEFAULT_URL], key, for: seconds, every, prometheus, from } = call.options;
    const out = (call.options['out'] as string | undefined) ?? `validation-${stamp()}`;
    // Ctrl-C is no failure here: it ends the watch, and the report tells what was seen until then.
    const interrupt = new Interrupt();
    try {
      const report =
        from === undefined
          ? await watch({ urls: named, key, seconds, every, out, prometheus, quiet: call.json }, interrupt)
          : fromRecord(from, out);
      answer(call, report, summaryOf(report, out));
      return report.verdict === 'GO' ? 0 : EXIT.no;
    } finally {
      interrupt.off();
    }
  },
};

const urls = (text: string, before: string[] = []): string[] => [...before, url(text)];

const stamp = (): string => new Date().toISOString().slice(0, 16).replaceAll(/[-:]/g, '').replace('T', '-');
