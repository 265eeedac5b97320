import { EXIT, Failure } from '../failure.js';
import { Interrupt } from '../interrupt.js';
import { DEFAULT_URL, span, url, whole } from '../options.js';
import { answer, type Verb } from '../verb.js';

/** Share of requests that may fail. */
const ALLOWED = 0.001;

const OF_THIS_MACHINE = /^(localhost|127(\.\d+){3}|::1)$/;

export const traffic: Verb = {
  name: 'traffic',
  description:
    'Be many agents at once: mixed work of so many sessions, timed from when each request was due. It leaves sessions and memories behind. Exit code 1: more than 0.1 % failed.',
  example: 'abathur traffic --sessions 100 --rate 200 --for 2m',
  declare: (command) =>
    command
      .option('--url <url>', 'server to work with; of this machine, unless --anywhere', url, DEFAULT_URL)
      .option('--key <key>', 'key of a service, where the deployment asks for keys')
      .option('--app <name>', 'app that the sessions belong to', 'traffic')
      .option('--sessions <n>', 'sessions at a time', whole(1, 2000), 100)
      .option('--rate <n>', 'requests per second in all; 0: as fast as answers come', whole(0, 20_000), 100)
      .option('--for <time>', 'how long: 30s, 5m, 48h', span(1, 7 * 86_400), 60)
      .option('--seed <n>', 'another one does other things in another order', whole(0, 2 ** 31), 1)
      .option('--anywhere', 'also a server that is not of this machine'),
  async run(call) {
    const [{ drive }, { tableOf, errorRate }, { Progress }] = await Promise.all([
      import('../traffic/drive.js'),
      import('../traffic/table.js'),
      import('../progress.js'),
    ]);
    const { url: server, key, app, sessions, rate, for: seconds, seed, anywhere } = call.options;
    const host = new URL(server as string).hostname.replaceAll(/[[\]]/g, '');
    if (!OF_THIS_MACHINE.test(host) && anywhere !== true) {
      throw new Failure(
        EXIT.usage,
        'not-this-machine',
        `${host} is another machine, and this is a load.`,
        'Say --anywhere if it is yours to load.',
      );
    }
    await someoneIsThere(server as string);
    // Ctrl-C ends it early, and the figures are of what was done until then.
    const interrupt = new Interrupt();
    const progress = new Progress('Working', seconds as number, process.stderr, call.json, { isTime: true });
    const run = Date.now().toString(36);
    const options = { url: server, key, app, sessions, rate: rate === 0 ? null : rate, seconds, seed, run };
    try {
      const figures = await drive(
        options,
        () => interrupt.requested,
        (done) => progress.reach(Math.min(seconds as number, Math.floor(done))),
      );
      progress.end();
      answer(call, figures, tableOf(figures));
      return errorRate(figures.all) <= ALLOWED && figures.all.answered > 0 ? 0 : EXIT.no;
    } finally {
      interrupt.off();
    }
  },
};

async function someoneIsThere(server: string): Promise<void> {
  const { Rest } = await import('../rest.js');
  await new Rest(server, AbortSignal.timeout(5000)).get('/health/live');
}
