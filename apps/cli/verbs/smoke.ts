import { InvalidArgumentError } from 'commander';
import { EXIT } from '../failure.js';
import { interruptible } from '../interrupt.js';
import { DEFAULT_URL, url, whole } from '../options.js';
import { answer, type Verb } from '../verb.js';

export const smoke: Verb = {
  name: 'smoke',
  description:
    'Try a running deployment from end to end, also one in production: it works in a corner of its own and takes away what it made.',
  example: 'abathur smoke --url https://memory.example.com --junit smoke.xml',
  declare: (command) =>
    command
      .option('--url <url>', 'deployment to try', url, DEFAULT_URL)
      .option('--key <key>', 'key of an operator, where the deployment asks for keys')
      .option('--only <pattern>', 'only cases whose "Category: name" matches this regular expression', pattern)
      .option(
        '--allowance <n>',
        'how many times their limits measured cases may take: for a far or busy machine',
        whole(1, 1000),
        1,
      )
      .option('--junit <file>', 'write the results there as JUnit does'),
  async run(call) {
    const [{ smoke: run }, { reportOf, writeJUnit }] = await Promise.all([
      import('../smoke/run.js'),
      import('../smoke/report.js'),
    ]);
    return interruptible('What the run had made so far was taken away.', async (interrupt) => {
      const { url: server, key, only, allowance, junit } = call.options;
      const report = await run({ url: server, key, only, allowance, quiet: call.json }, interrupt);
      if (junit !== undefined) writeJUnit(junit, report);
      answer(call, report, reportOf(report));
      return report.ok ? 0 : EXIT.no;
    });
  },
};

function pattern(text: string): RegExp {
  try {
    return new RegExp(text, 'i');
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}
