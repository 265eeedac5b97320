import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT } from '../failure.js';
import { DEFAULT_URL, url, whole } from '../options.js';
import { answer, type Verb } from '../verb.js';

/** Milliseconds between two looks, and that one may take. */
const LOOK_EVERY = 200;
const PATIENCE = 5000;

/** What the server said of itself; `status` is `none` where nobody answered. */
interface Readiness {
  ready: boolean;
  status: string;
  reasons: string[];
}

export const ready: Verb = {
  name: 'ready',
  description: 'Ask a server whether requests may be sent to it, or wait until they may. Exit code 1: not now.',
  example: 'abathur ready --url http://127.0.0.1:8001 --wait 60',
  declare: (command) =>
    command
      .option('--url <url>', 'server to ask', url, DEFAULT_URL)
      .option('--wait <seconds>', 'wait so long for it', whole(0, 3600), 0),
  async run(call) {
    const { url: server, wait } = call.options as { url: string; wait: number };
    const end = performance.now() + wait * 1000;
    let found = await look(server);
    while (!found.ready && performance.now() < end) {
      await sleep(LOOK_EVERY);
      found = await look(server);
    }
    const text = found.ready ? `${server} is ready.\n` : `${server} is not ready: ${found.reasons.join('; ')}.\n`;
    answer(call, { url: server, ...found }, text);
    return found.ready ? 0 : EXIT.no;
  },
};

async function look(server: string): Promise<Readiness> {
  try {
    const address = `${server.replace(/\/+$/, '')}/health/ready`;
    const response = await fetch(address, { signal: AbortSignal.timeout(PATIENCE), redirect: 'error' });
    const { status, reasons = [] } = (await response.json()) as { status: string; reasons?: string[] };
    return { ready: response.ok, status, reasons };
  } catch (error) {
    const { code = (error as Error).message } = ((error as Error).cause ?? {}) as { code?: string };
    return { ready: false, status: 'none', reasons: [`no server answers (${code})`] };
  }
}
