import { setTimeout as sleep } from 'node:timers/promises';
import { drive } from '../../apps/cli/traffic/drive.js';
import { errorRate } from '../../apps/cli/traffic/table.js';
import { parseExposition } from '../../apps/cli/validate/exposition.js';
import { measuresOf } from '../../apps/cli/validate/measures.js';
import { quantileOf } from '../../apps/cli/validate/quantile.js';
import { ms, type Figure } from './report.js';
import { quantile, send, startVariant, timings, type Running } from './running.js';

const USERS = 100;
const MEMORIES_OF_EACH = 200;
const SESSIONS = 1000;
const EVENTS_OF_EACH = 20;
/** Requests that a p99 is taken of. */
const ASKED = 500;

/** The targets that the product was ordered with, each asked over HTTP of a filled database, and how far ahead it is. */
export async function targets(): Promise<Figure[]> {
  const server = await startVariant('full', { ABATHUR_LOG_LEVEL: 'error' });
  try {
    await fill(server);
    const figures = await singles(server);
    return [...figures, ...(await together(server))];
  } finally {
    await server.stop();
  }
}

async function singles({ url }: Running): Promise<Figure[]> {
  const session = (n: number): string => `${url}/v1/sessions/s${n % SESSIONS}`;
  const memory = (n: number): string => `${url}/v1/memories/user:u${n % USERS}:notes/k${n % MEMORIES_OF_EACH}`;
  const search = (mode: string) => (n: number) =>
    send(`${url}/v1/memories/search`, 'POST', { query: sentence(n), mode, namespace_prefix: `user:u${n % USERS}` });
  const p99 = async (ask: (n: number) => Promise<unknown>): Promise<number> => {
    await timings(20, ask);
    return quantile(await timings(ASKED, ask), 0.99);
  };
  const fifty = await timings(10, () => Promise.all(Array.from({ length: 50 }, (_, n) => send(session(n * 7), 'GET'))));
  return [
    held('session retrieval, p99', await p99((n) => send(session(n), 'GET')), 10),
    held('memory retrieval, p99', await p99((n) => send(memory(n), 'GET')), 20),
    held(
      'namespace query, p99',
      await p99((n) => send(`${url}/v1/memories?namespace_prefix=user:u${n % USERS}`, 'GET')),
      50,
    ),
    held('50 session reads at once, slowest of 10', fifty.at(-1)!, 1000),
    held('semantic search, p99', await p99(search('semantic')), 500),
    held('hybrid search, p99', await p99(search('hybrid')), 600),
    held(
      'history of 10 versions, p99',
      await p99(() => send(`${url}/v1/memories/user:u0:versions/k/history`, 'GET')),
      30,
    ),
    held('append of an event, p99', await p99((n) => send(`${session(n)}/events`, 'POST', event(n))), 20),
  ];
}

/** A hundred sessions at a time, a hundred requests per second. */
async function together({ url }: Running): Promise<Figure[]> {
  const options = { url, app: 'bench', sessions: 100, rate: 100, seconds: 30, seed: 3, run: 'targets' };
  const { all } = await drive(options, () => false);
  const { histograms } = measuresOf(parseExposition((await send(`${url}/metrics`, 'GET')) as string));
  const kind = histograms['queries'] === undefined ? 'requests' : 'queries';
  const rate = errorRate(all);
  return [
    held('100 sessions, 100 requests per second: p99 from when due', all.p99!, 100),
    { what: '… errors', measured: `${(rate * 100).toFixed(3)} %`, target: '< 0.1 %', ok: rate < 0.001 },
    held(`all ${kind} of the run, p99 as the program exports it`, quantileOf(histograms[kind]!, 0.99)! * 1000, 100),
  ];
}

function held(what: string, measured: number, limit: number): Figure {
  const times = limit / measured;
  const ahead = times >= 1 ? `${times.toFixed(1)} × ahead` : `${(1 / times).toFixed(1)} × behind`;
  return { what, measured: ms(measured), target: `< ${limit.toLocaleString('en')} ms, ${ahead}`, ok: measured < limit };
}

async function fill({ url }: Running): Promise<void> {
  for (let user = 0; user < USERS; user++) {
    const lines = Array.from({ length: MEMORIES_OF_EACH }, (_, n) =>
      JSON.stringify({ namespace: `user:u${user}:notes`, key: `k${n}`, value: { text: sentence(user * 7 + n) } }),
    );
    const imported = await fetch(`${url}/v1/memories/import`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: `${lines.join('\n')}\n`,
    });
    if (!imported.ok) throw new Error(`The import answered ${imported.status}: ${await imported.text()}`);
  }
  for (let n = 0; n < SESSIONS; n++) {
    await send(`${url}/v1/sessions`, 'POST', { session_id: `s${n}`, app_name: 'bench', user_id: `u${n % USERS}` });
    const events = Array.from({ length: EVENTS_OF_EACH }, (_, turn) => event(n + turn));
    await send(`${url}/v1/sessions/s${n}/events/batch`, 'POST', { events });
  }
  for (let version = 0; version < 10; version++) {
    await send(`${url}/v1/memories/user:u0:versions/k`, 'PUT', { value: { text: sentence(version), version } });
  }
  for (;;) {
    const { backlog } = (await send(`${url}/v1/search/status`, 'GET')) as { backlog: number };
    if (backlog === 0) return;
    await sleep(200);
  }
}

const event = (n: number): object => ({ event_type: 'message', actor: 'user', content: { text: sentence(n) } });

const WORDS =
  'river lamp garden invoice train camera lunch shift letter window ticket bicycle book meeting station market'.split(
    ' ',
  );
const sentence = (n: number): string =>
  `The ${WORDS[n % 16]!} was beside the ${WORDS[(n * 5 + 3) % 16]!} when ${WORDS[(n * 11 + 7) % 16]!} number ${n % 997} came.`;
