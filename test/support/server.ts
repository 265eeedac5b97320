import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import supertest from 'supertest';

/** The built program, started as its users start it, on a port and a file of its own. */
export interface TestServer {
  url: string;
  port: number;
  path: string;
  process: ChildProcess;
  /** Everything it printed. */
  output(): string;
  /** Ends it with SIGTERM and waits; returns its exit code. */
  stop(): Promise<number | null>;
  /** Ends it with SIGKILL and waits. */
  kill(): Promise<void>;
}

export const MAIN = join(process.cwd(), 'dist/apps/api/main.js');

export async function startServer(
  environment: Record<string, string> = {},
  directory = temporaryDirectory(),
): Promise<TestServer> {
  const path = environment['ABATHUR_DB_PATH'] ?? join(directory, 'abathur.db');
  const port = Number(environment['PORT'] ?? (await freePort()));
  const child = spawn(process.execPath, [MAIN], {
    env: {
      ...process.env,
      PORT: String(port),
      ABATHUR_DB_PATH: path,
      ABATHUR_BACKUP_DIR: join(dirname(path), 'backups'),
      ABATHUR_BALLAST_MB: '0',
      ABATHUR_LOG_LEVEL: 'warn',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const exited = once(child, 'exit');
  const server: TestServer = {
    url: `http://127.0.0.1:${port}`,
    port,
    path,
    process: child,
    output: () => printed,
    stop: async () => {
      child.kill('SIGTERM');
      const [code] = (await exited) as [number | null];
      return code;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
  await ready(server);
  return server;
}

async function ready({ url, process: child, output }: TestServer): Promise<void> {
  for (let attempt = 0; attempt < 1200; attempt++) {
    if (child.exitCode !== null) throw new Error(`The server ended with ${child.exitCode}:\n${output()}`);
    const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`The server did not become ready:\n${output()}`);
}

const made: string[] = [];
/** What a failing test did not end. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  running.forEach((child) => child.kill('SIGKILL'));
  made.forEach((directory) => rmSync(directory, { recursive: true, force: true }));
});

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'abathur-'));
  made.push(directory);
  return directory;
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

export const client = (server: TestServer): ReturnType<typeof supertest> => supertest(server.url);
