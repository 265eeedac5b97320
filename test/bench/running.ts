import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A server under measurement, with the most memory it has been seen to hold. */
export interface Running {
  url: string;
  directory: string;
  process: ChildProcess;
  /** Peak of resident memory so far, in bytes: all of it, and without mapped files. */
  peak(): { resident: number; anonymous: number };
  stop(): Promise<void>;
}

export async function startVariant(variant: string, environment: Record<string, string> = {}): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), 'abathur-bench-'));
  const port = await freePort();
  const child = fork(fileURLToPath(new URL('./server.js', import.meta.url)), {
    env: {
      ...process.env,
      BENCH_VARIANT: variant,
      PORT: String(port),
      ABATHUR_DB_PATH: join(directory, 'abathur.db'),
      ABATHUR_LOG_LEVEL: 'warn',
      ...environment,
    },
    // As `npm start` runs it.
    execArgv: ['--max-semi-space-size=4'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  const peak = { resident: 0, anonymous: 0 };
  const sample = (): void => {
    const { resident, anonymous } = memoryOf(child.pid!);
    peak.resident = Math.max(peak.resident, resident);
    peak.anonymous = Math.max(peak.anonymous, anonymous);
  };
  const sampler = setInterval(sample, 100);
  return {
    url: `http://127.0.0.1:${port}`,
    directory,
    process: child,
    peak: () => peak,
    stop: async () => {
      clearInterval(sampler);
      child.kill('SIGKILL');
      await once(child, 'exit');
      rmSync(directory, { recursive: true });
    },
  };
}

function memoryOf(pid: number): { resident: number; anonymous: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1024;
  return { resident: bytes('VmRSS'), anonymous: bytes('RssAnon') };
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Milliseconds that `work` takes, each of `times` runs, sorted. */
export async function timings(times: number, work: (index: number) => Promise<unknown>): Promise<number[]> {
  const taken: number[] = [];
  for (let index = 0; index < times; index++) {
    const begin = performance.now();
    await work(index);
    taken.push(performance.now() - begin);
  }
  return taken.toSorted((a, b) => a - b);
}

export const quantile = (sorted: number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;

export async function send(
  url: string,
  method: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<unknown> {
  const answer = await fetch(url, {
    method,
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${url} answered ${answer.status}: ${await answer.text()}`);
  return answer.headers.get('content-type')?.includes('json') ? answer.json() : answer.text();
}

/** Lines of one request: a server that is slow because the machine is busy takes them in within a request's time. */
const PAGE = 10_000;

/** Imports memories, page by page. */
export async function importLines(url: string, text: string): Promise<void> {
  const lines = text.split('\n').filter((line) => line !== '');
  for (let from = 0; from < lines.length; from += PAGE) {
    await send(`${url}/v1/memories/import`, 'POST', `${lines.slice(from, from + PAGE).join('\n')}\n`, {
      'content-type': 'application/x-ndjson',
    });
  }
}
