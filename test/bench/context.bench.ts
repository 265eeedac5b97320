import { ms, times, type Figure } from './report.js';
import { quantile, send, startVariant, timings, type Running } from './running.js';

const SCOPES = ['user:alice', 'project:p1', 'app:bench', 'session:s1', 'user:bob'];
const TYPES = [...Array<string>(6).fill('semantic'), 'episodic', 'episodic', 'procedural', 'procedural'];
const WORDS =
  'coffee train garden invoice deploy tea meeting piano budget river engine paint letter winter recipe server'.split(
    ' ',
  );

/** One context over 10,000 memories in 5 namespaces, beside the calls that a client would make without it. */
export async function context(): Promise<Figure[]> {
  const server = await startVariant('full');
  await furnish(server);
  const plain = await measured((n) => synthesize(server, { token_budget: 4000, record: false }, n));
  const asking = await measured((n) =>
    synthesize(server, { query: question(n), token_budget: 4000, record: false }, n),
  );
  const recorded = await measured((n) => synthesize(server, { query: question(n), token_budget: 4000 }, n));
  const large = await measured((n) =>
    synthesize(server, { query: question(n), token_budget: 32_000, record: false }, n),
  );
  const apart = await measured((n) => callsApart(server, n));
  await server.stop();
  const figure = (what: string, { p50, p99 }: Measured): Figure => ({
    what,
    measured: `p50 ${ms(p50)}, p99 ${ms(p99)}`,
    target: 'p99 ≤ 20 ms',
    ok: p99 <= 20,
  });
  return [
    figure('context of 10,000 memories, without a query', plain),
    figure('with a query', asking),
    figure('with a query, recorded', recorded),
    figure('with a query, 32,000 tokens', large),
    {
      what: 'the same by separate calls, at the same time',
      measured: `p50 ${ms(apart.p50)}, p99 ${ms(apart.p99)}`,
      target: 'peer',
      ok: true,
    },
    {
      what: 'one context against separate calls, p50',
      measured: times(asking.p50 / apart.p50),
      target: '≤ 1 ×',
      ok: asking.p50 <= apart.p50,
    },
  ];
}

interface Measured {
  p50: number;
  p99: number;
}

async function measured(work: (index: number) => Promise<unknown>): Promise<Measured> {
  await timings(50, work);
  const taken = await timings(400, work);
  return { p50: quantile(taken, 0.5), p99: quantile(taken, 0.99) };
}

const synthesize = ({ url }: Running, asked: object, _: number): Promise<unknown> =>
  send(`${url}/v1/context`, 'POST', { session_id: 's1', ...asked });

const question = (n: number): string => `what about the ${WORDS[n % 16]} and the ${WORDS[(n * 7 + 3) % 16]}?`;

/** The session, the newest of each scope and kind, and a search in each namespace. */
async function callsApart({ url }: Running, n: number): Promise<void> {
  const mine = SCOPES.slice(0, 4);
  const list = (scope: string, type: string): Promise<unknown> =>
    send(`${url}/v1/memories?namespace_prefix=${scope}&memory_type=${type}&limit=50`, 'GET');
  await Promise.all([
    send(`${url}/v1/sessions/s1`, 'GET'),
    ...mine.flatMap((scope) => [list(scope, 'semantic'), list(scope, 'procedural')]),
    ...mine.map((namespace_prefix) =>
      send(`${url}/v1/memories/search`, 'POST', { query: question(n), namespace_prefix, limit: 50 }),
    ),
  ]);
}

async function furnish({ url }: Running): Promise<void> {
  await send(`${url}/v1/sessions`, 'POST', {
    session_id: 's1',
    app_name: 'bench',
    user_id: 'alice',
    project_id: 'p1',
    initial_state: { topic: 'coffee', 'user:language': 'en' },
  });
  const lines = Array.from({ length: 10_000 }, (_, n) => {
    const word = (shift: number): string => WORDS[(n * 5 + shift * (1 + (n >> 4))) % 16]!;
    return JSON.stringify({
      namespace: SCOPES[n % 5],
      key: `k${n}`,
      memory_type: TYPES[Math.floor(n / 5) % 10],
      value: { text: `In the year ${1900 + (n % 100)} the ${word(1)} met the ${word(2)}, number ${n}.` },
    });
  });
  await send(`${url}/v1/memories/import`, 'POST', lines.join('\n'), { 'content-type': 'application/x-ndjson' });
  for (;;) {
    const status = (await send(`${url}/v1/search/status`, 'GET')) as { backlog: number; lag: number; vectors: number };
    if (status.backlog === 0 && status.lag === 0 && status.vectors >= 10_000) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
