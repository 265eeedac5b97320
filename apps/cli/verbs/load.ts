import { EXIT } from '../failure.js';
import { interruptible } from '../interrupt.js';
import { DEFAULT_URL, url, whole } from '../options.js';
import { answer, type Verb } from '../verb.js';

const MAX_CONCURRENCY = 64;

export const load: Verb = {
  name: 'load',
  description: 'Load a file of conversations through REST, read it back, compare, and verify the chain.',
  example: 'abathur load test/fixtures/conversations.sample.json --concurrency 16',
  declare: (command) =>
    command
      .argument('<file>', 'JSON: [{ sample_id, speakers, sessions: [{ session, date_time, turns }] }]')
      .option('--url <url>', 'server to load into', url, DEFAULT_URL)
      .option('--concurrency <n>', `requests at a time, 1 to ${MAX_CONCURRENCY}`, whole(1, MAX_CONCURRENCY), 8),
  async run(call) {
    const [{ load: run, tableOf }, { Rest }] = await Promise.all([import('../load/load.js'), import('../rest.js')]);
    const hint = 'Run the same command again: it goes on where this one stopped, and writes nothing twice.';
    return interruptible(hint, async (interrupt) => {
      const { url: server, concurrency } = call.options;
      const options = { url: server, concurrency, file: call.args[0]!, quiet: call.json };
      const summary = await run(new Rest(server, interrupt.signal), interrupt, options);
      answer(call, summary, tableOf(summary));
      return summary.ok ? 0 : EXIT.no;
    });
  },
};
