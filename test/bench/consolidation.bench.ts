import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { compare, statementOf, type Verdict } from '#memories';
import { addMemory, drive } from './load.js';
import { ms, times, type Figure } from './report.js';
import { send, startVariant, type Running } from './running.js';

const MEMORIES = 100_000;
/** One in so many says again what another one says. */
const REPEATED = 100;
const LOAD = { connections: 4 };

/** A scan for conflicts beside writes, and how well it tells what is the same from what is not. */
export async function consolidation(): Promise<Figure[]> {
  // Without the embedder, which would be busy with all of these texts in one half of it more than in the other.
  const server = await startVariant('no-background');
  await fill(server);
  await drive(server.url, addMemory, { ...LOAD, seconds: 1 });
  const alone = await drive(server.url, addMemory, { ...LOAD, seconds: 6 });
  // While nobody writes, for the time; then beside writes, for what it costs them.
  const quiet = await scan(server);
  const stop = new AbortController();
  const scans = (async () => {
    while (!stop.signal.aborted) await scan(server);
  })();
  const beside = await drive(server.url, addMemory, { ...LOAD, seconds: 6 });
  stop.abort();
  await scans;
  await server.stop();
  return [
    {
      what: `conflict scan of ${MEMORIES.toLocaleString('en')} memories`,
      measured: `${(quiet.milliseconds / 1000).toFixed(1)} s, ${quiet.found} conflicts`,
      target: '≤ 10 s',
      ok: quiet.milliseconds <= 10_000 && quiet.found > 0,
    },
    {
      what: 'a write during scans, p99',
      measured: ms(beside.p99),
      target: `without ${ms(alone.p99)}`,
      ok: beside.failed === 0,
    },
    {
      what: 'against a write without',
      measured: times(beside.p99 / alone.p99),
      target: '≤ 2 ×',
      ok: beside.p99 <= 2 * alone.p99,
    },
    ...judged(),
  ];
}

async function fill({ url }: Running): Promise<void> {
  const [places, things] = [
    ['Oslo', 'Rome', 'Bonn', 'Lima', 'Kyiv'],
    ['the archive', 'the garden', 'a workshop', 'the night train', 'a small bakery'],
  ];
  for (let at = 0; at < MEMORIES; at += 5000) {
    const lines = Array.from({ length: 5000 }, (_, index) => {
      const n = at + index - ((at + index) % REPEATED === 1 ? 1 : 0);
      const text = `Visitor ${n} of ${things[n % 5]} in ${places[(n >> 3) % 5]} asked for room ${n % 977} and a key.`;
      return JSON.stringify({ namespace: `user:u${(at + index) >> 8}`, key: `k${at + index}`, value: { text } });
    });
    await send(`${url}/v1/memories/import`, 'POST', lines.join('\n'), { 'content-type': 'application/x-ndjson' });
  }
}

interface Operation {
  id: string;
  status: string;
  error: string | null;
  result: { scanned: number; found: number };
}

async function scan({ url }: Running): Promise<{ milliseconds: number; found: number }> {
  const begin = performance.now();
  const asked = { namespace_prefix: 'user', strategy: 'merge', dry_run: true };
  let operation = (await send(`${url}/v1/memories/consolidate`, 'POST', asked)) as Operation;
  while (operation.status === 'running') {
    await sleep(20);
    operation = (await send(`${url}/v1/operations/${operation.id}`, 'GET')) as Operation;
  }
  if (operation.status !== 'succeeded' || operation.result.scanned < MEMORIES)
    throw new Error(`The scan ended as ${operation.status}: ${operation.error ?? operation.result.scanned}`);
  return { milliseconds: performance.now() - begin, found: operation.result.found };
}

function judged(): Figure[] {
  const { duplicates, distinct } = JSON.parse(readFileSync('test/fixtures/statement-pairs.json', 'utf8')) as Record<
    'duplicates' | 'distinct',
    [string, string][]
  >;
  const verdicts = (pairs: [string, string][]): Verdict[] =>
    pairs.map(([one, other]) => compare(statementOf(one), statementOf(other)).verdict);
  const share = (part: number, whole: number): number => part / whole;
  const [same, other] = [verdicts(duplicates), verdicts(distinct)];
  const right = same.filter((verdict) => verdict === 'same').length;
  const wrong = other.filter((verdict) => verdict === 'same').length;
  const found = same.filter((verdict) => verdict !== 'distinct').length;
  const asked = other.filter((verdict) => verdict === 'unsure').length;
  return [
    {
      what: `precision of merging, ${duplicates.length} pairs of duplicates and ${distinct.length} of others`,
      measured: share(right, right + wrong).toFixed(2),
      target: '1.00',
      ok: wrong === 0,
    },
    {
      what: 'recall of merging without asking',
      measured: share(right, duplicates.length).toFixed(2),
      target: '≥ 0.85',
      ok: share(right, duplicates.length) >= 0.85,
    },
    {
      what: 'recall with those put before somebody',
      measured: `${share(found, duplicates.length).toFixed(2)}, ${asked} of ${distinct.length} others put, too`,
      target: '≥ 0.90',
      ok: share(found, duplicates.length) >= 0.9,
    },
  ];
}
