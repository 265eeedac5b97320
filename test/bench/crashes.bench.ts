import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ms, type Figure } from './report.js';
import { freePort, quantile, send } from './running.js';

const KILLS = Number(process.env['BENCH_KILLS'] ?? 100);
delete process.env['BENCH_KILLS'];

/** What else goes on in a life that is about to end: nothing, or one of these. */
const BESIDE = [undefined, '/v1/admin/projections/all/rebuild', undefined, '/v1/admin/backups'];

/** kill -9 in the middle of writes, again and again on the same file. */
export async function crashes(): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'abathur-bench-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const acknowledged: string[] = [];
  const starts: number[] = [];
  for (let round = 0; round < KILLS; round++) {
    const begin = performance.now();
    // One in ten is killed while it starts.
    if (round % 10 === 9) await killWhileStarting(directory, port);
    const child = start(directory, port);
    await listening(url);
    starts.push(performance.now() - begin);
    const beside = BESIDE[round % BESIDE.length];
    if (beside !== undefined) await send(url + beside, 'POST').catch(() => undefined);
    const writing = Array.from({ length: 16 }, (_, lane) => writeUntilDeath(url, `${round}-${lane}`, acknowledged));
    // After so many answers, not after so long: on a busy machine a life would else end before it has begun.
    const enough = acknowledged.length + 1 + Math.floor(Math.random() * 100);
    const over = new AbortController();
    await Promise.race([Promise.all(writing), answered(acknowledged, enough, over.signal)]);
    over.abort();
    child.kill('SIGKILL');
    await once(child, 'exit');
    await Promise.all(writing);
  }
  const child = start(directory, port);
  await listening(url);
  const kept = await keysOf(url);
  const lost = acknowledged.filter((key) => !kept.has(key)).length;
  const verification = (await send(`${url}/v1/audit/verify`, 'POST', {})) as { ok: boolean; checked: number };
  const compared = await tablesCompared(url);
  child.kill('SIGKILL');
  await once(child, 'exit');
  rmSync(directory, { recursive: true });
  const slowest = quantile(
    starts.toSorted((a, b) => a - b),
    0.5,
  );
  return [
    {
      what: `acknowledged writes lost in ${KILLS} kills`,
      measured: `${lost} of ${acknowledged.length}`,
      target: '0',
      ok: lost === 0,
    },
    {
      what: 'chain afterwards',
      measured: verification.ok ? `verifies, ${verification.checked} entries` : 'broken',
      target: 'verifies',
      ok: verification.ok,
    },
    {
      what: 'tables against a replay of the log',
      measured: compared.equal ? 'equal, row for row' : JSON.stringify(compared.differences),
      target: 'equal',
      ok: compared.equal,
    },
    { what: 'start after a kill, median', measured: ms(slowest), target: '< 1 s', ok: slowest < 1000 },
  ];
}

function start(directory: string, port: number): ChildProcess {
  return spawn(process.execPath, [fileURLToPath(new URL('../../apps/api/main.js', import.meta.url))], {
    env: {
      ...process.env,
      PORT: String(port),
      ABATHUR_DB_PATH: join(directory, 'abathur.db'),
      ABATHUR_LOG_LEVEL: 'silent',
    },
    stdio: 'ignore',
  });
}

async function answered(acknowledged: string[], enough: number, over: AbortSignal): Promise<void> {
  while (acknowledged.length < enough && !over.aborted) await new Promise((resolve) => setTimeout(resolve, 1));
}

async function killWhileStarting(directory: string, port: number): Promise<void> {
  const child = start(directory, port);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 1000));
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function tablesCompared(url: string): Promise<{ equal: boolean; differences: unknown[] }> {
  const { id } = (await send(`${url}/v1/admin/projections/all/rebuild`, 'POST', { dry_run: true })) as { id: string };
  for (;;) {
    const operation = (await send(`${url}/v1/operations/${id}`, 'GET')) as {
      status: string;
      error: string | null;
      result: { equal: boolean; differences: unknown[] };
    };
    if (operation.status === 'succeeded') return operation.result;
    if (operation.status !== 'running')
      throw new Error(`The comparison ended as ${operation.status}: ${operation.error}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function listening(url: string): Promise<void> {
  const end = performance.now() + 60_000;
  while (performance.now() < end) {
    if (
      await fetch(`${url}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('The server did not start within a minute');
}

async function writeUntilDeath(url: string, lane: string, acknowledged: string[]): Promise<void> {
  for (let n = 0; ; n++) {
    const key = `${lane}-${n}`;
    try {
      await send(`${url}/v1/memories`, 'POST', { namespace: 'app:crash', key, value: { n } });
    } catch {
      return;
    }
    acknowledged.push(key);
  }
}

async function keysOf(url: string): Promise<Set<string>> {
  const keys = new Set<string>();
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`;
    const page = (await send(`${url}/v1/memories?namespace_prefix=app:crash&limit=1000${query}`, 'GET')) as {
      items: { key: string }[];
      next_cursor: string | null;
    };
    for (const { key } of page.items) keys.add(key);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return keys;
}
