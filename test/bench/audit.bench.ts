import { createHash, hash } from 'node:crypto';
import { Database, sql } from '#storage';
import { memoryLines } from './bulk.bench.js';
import { ms, per, times, type Figure } from './report.js';
import { importLines, quantile, send, startVariant, timings, type Running } from './running.js';

const ENTRIES = 100_000;
const VERSIONS = 10_000;

/** What auditors wait for: the whole chain, the whole log, and one memory in the deep past. */
export async function audit(): Promise<Figure[]> {
  const server = await startVariant('no-background');
  try {
    await importLines(server.url, memoryLines(ENTRIES));
    const verified = await best(3, () => send(`${server.url}/v1/audit/verify`, 'POST'));
    const exported = await best(3, () => readAll(`${server.url}/v1/audit/export`));
    const floors = await floorsOf(server);
    const past = await asOf(server);
    return [
      { what: 'verify', measured: per(ENTRIES / verified), target: '≥ 150,000/s', ok: ENTRIES / verified >= 150_000 },
      {
        what: 'against reading the rows and hashing them once, on one thread',
        measured: times(floors.hashing / verified),
        target: `${per(ENTRIES / floors.hashing)}, ≥ 0.7 ×`,
        ok: floors.hashing / verified >= 0.7,
      },
      { what: 'export', measured: per(ENTRIES / exported), target: '≥ 30,000/s', ok: ENTRIES / exported >= 30_000 },
      {
        what: 'against reading the rows alone',
        measured: times(floors.reading / exported),
        target: per(ENTRIES / floors.reading),
        ok: true,
      },
      {
        what: `a memory of ${VERSIONS.toLocaleString('en')} versions as of any of them, p99`,
        measured: ms(past),
        target: '≤ 5 ms',
        ok: past <= 5,
      },
    ];
  } finally {
    await server.stop();
  }
}

/** Seconds of the quickest of some runs: on a shared machine whole seconds are somebody else's. */
async function best(runs: number, work: () => Promise<unknown>): Promise<number> {
  return (await timings(runs, work))[0]! / 1000;
}

async function readAll(url: string): Promise<void> {
  const answer = await fetch(url);
  let rest = '';
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) rest = (rest + chunk).slice(-2000);
  const trailer = JSON.parse(rest.trimEnd().split('\n').at(-1)!) as { trailer?: { entries: number } };
  if ((trailer.trailer?.entries ?? 0) < ENTRIES) throw new Error(`The export is cut off: ${rest.slice(-200)}`);
}

/** What the same costs at least: every row read, and its bytes hashed once, by one thread. */
async function floorsOf({ directory }: Running): Promise<{ reading: number; hashing: number }> {
  const db = Database.open({ path: `${directory}/abathur.db`, readonly: true });
  const rows = sql`SELECT data, stream, salt FROM audit ORDER BY position LIMIT ${ENTRIES}`;
  const reading = await best(3, async () => {
    const digest = createHash('sha256');
    for (const { data } of db.iterate<{ data: string }>(rows)) digest.update(data);
    digest.digest();
  });
  const hashing = await best(3, async () => {
    for (const { data, stream } of db.iterate<{ data: string; stream: string }>(rows))
      hash('sha256', `${stream}${data}`, 'hex');
  });
  db.close();
  return { reading, hashing };
}

async function asOf({ url }: Running): Promise<number> {
  const lines = (from: number): string =>
    Array.from(
      { length: 1000 },
      (_, n) => `${JSON.stringify({ namespace: 'user:deep', key: 'k', value: { n: from + n } })}\n`,
    ).join('');
  for (let n = 0; n < VERSIONS; n += 1000) await importLines(url, lines(n));
  const { position } = (await send(`${url}/v1/audit/head`, 'GET')) as { position: number };
  const anywhere = (n: number): number => position - ((n * 7919) % VERSIONS);
  const taken = await timings(500, (n) => send(`${url}/v1/memories/user:deep/k?as_of=${anywhere(n)}`, 'GET'));
  return quantile(taken, 0.99);
}
