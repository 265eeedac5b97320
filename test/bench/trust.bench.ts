import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { addMemory, addMemoryWith, drive, get, type RequestText } from './load.js';
import { per, times, type Figure } from './report.js';
import { startVariant, type Running } from './running.js';

/** Short rounds, one after the other on servers that all run: what the machine does meanwhile does it to each of them. */
const ROUNDS = 16;
const SECONDS = 0.25;
/** Seconds after which what was put off is done: reads are recorded by then. */
const PUT_OFF = 6;
/** Fewer than the server ever refuses. */
const CONNECTIONS = 32;
const USERS = 1000;

/** What trust costs: keys, rights and idempotency keys against none of them, and recorded reads against unrecorded ones. */
export async function trust(): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'abathur-bench-keys-'));
  const operator = firstKey(directory);
  const [open, keyed, audited] = await Promise.all([
    startVariant('no-background'),
    startVariant('no-background', { ABATHUR_AUTH: 'keys', ABATHUR_RATE_LIMIT: '1000000', ...placeOf(directory) }),
    startVariant('no-background', { ABATHUR_AUDIT_READS: 'on' }),
  ]);
  try {
    const bearer = `Authorization: Bearer ${await serviceKey(keyed, operator)}\r\n`;
    for (const [{ url }, headers] of [
      [open, ''],
      [keyed, bearer],
      [audited, ''],
    ] as const) {
      await furnish(url, headers);
      // A server that has done more before is the faster one: all of them have done the same.
      for (const request of [readers(headers), () => addMemoryWith(headers)])
        await drive(url, request, { connections: CONNECTIONS, seconds: 2 });
    }
    const write = await compare([
      [open, addMemory],
      [keyed, () => addMemoryWith(`${bearer}Idempotency-Key: ${randomUUID()}\r\n`)],
    ]);
    const read = await compare([
      [open, readers('')],
      [keyed, readers(bearer)],
    ]);
    const recorded = await compare([
      [open, readers('')],
      [audited, readers('')],
    ]);
    return [
      figure('writes with keys, rights and Idempotency-Key', write, 0.85),
      figure('reads with keys and rights', read, 0.85),
      figure('reads that are recorded', recorded, 0.95),
    ];
  } finally {
    await Promise.all([open, keyed, audited].map((server) => server.stop()));
    rmSync(directory, { recursive: true });
  }
}

interface Compared {
  /** Answers per second. */
  without: number;
  with: number;
  /** Processor time of the server for each answer, with against without; what it does afterwards is in it. */
  processor: number;
  failed: number;
}

const figure = (what: string, { without, with: rate, processor, failed }: Compared, least: number): Figure => ({
  what,
  measured: `${times(rate / without)}, ${per(rate)}`,
  target: `≥ ${least} × of ${per(without)} without; processor time ${times(processor)}${failed === 0 ? '' : `; ${failed} failed`}`,
  ok: failed === 0 && rate >= least * without,
});

/** By turns, the order changes from round to round. All answers count, so that what is done once in a while does. */
async function compare(sides: [[Running, RequestText], [Running, RequestText]]): Promise<Compared> {
  const done: [number, number] = [0, 0];
  let failed = 0;
  let spent: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    // The first one warms up.
    if (round === 0) spent = sides.map(([server]) => processorTime(server));
    for (const side of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const [{ url }, request] = sides[side];
      const result = await drive(url, request, { connections: CONNECTIONS, seconds: SECONDS });
      failed += result.failed;
      if (round >= 0) done[side] += result.rate;
    }
  }
  await sleep(PUT_OFF * 1000);
  const [before, after] = sides.map(([server], side) => (processorTime(server) - spent[side]!) / done[side]!);
  return { without: done[0] / ROUNDS, with: done[1] / ROUNDS, processor: after! / before!, failed };
}

/** User and system, in ticks of the system's clock. */
function processorTime({ process: { pid } }: Running): number {
  const [, rest] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ') as [string, string];
  const fields = rest.split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** Memories of a thousand users, each read in turn. */
function readers(headers: string): RequestText {
  const texts = Array.from({ length: USERS }, (_, n) => get(`/v1/memories/user:bench${n}/read`, headers)());
  let n = 0;
  return () => texts[n++ % USERS]!;
}

async function furnish(url: string, headers: string): Promise<void> {
  const operations = Array.from({ length: USERS }, (_, n) => ({
    op: 'put',
    namespace: `user:bench${n}`,
    key: 'read',
    value: { text: 'The quick brown fox jumps over the lazy dog.', n },
  }));
  const [name, value] = headers.trim().split(': ') as [string, string?];
  const answer = await fetch(`${url}/v1/memories/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(value !== undefined && { [name]: value }) },
    body: JSON.stringify({ operations }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

const placeOf = (directory: string): Record<string, string> => ({ ABATHUR_DB_PATH: join(directory, 'abathur.db') });

function firstKey(directory: string): string {
  const command = ['apps/cli/abathur.mjs', 'keys', 'create', '--role', 'operator', '--json'];
  const { stdout, stderr } = spawnSync(process.execPath, command, {
    env: { ...process.env, ...placeOf(directory) },
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  return (JSON.parse(stdout) as { key: string }).key;
}

/** A key that is judged at every request: it acts for those users and no others. */
async function serviceKey({ url }: Running, operator: string): Promise<string> {
  const answer = await fetch(`${url}/v1/admin/keys`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${operator}` },
    body: JSON.stringify({
      name: 'bench',
      role: 'service',
      app: 'bench',
      users: Array.from({ length: USERS }, (_, n) => `bench${n}`),
    }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return ((await answer.json()) as { key: string }).key;
}
