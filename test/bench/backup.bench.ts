import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { memoryLines } from './bulk.bench.js';
import { addMemory, drive } from './load.js';
import { mb, ms, times, type Figure } from './report.js';
import { importLines, startVariant } from './running.js';

/** Size of the database that is backed up, in megabytes; smaller for a quick look: BENCH_BACKUP_MB=50. */
const SIZE = Number(process.env['BENCH_BACKUP_MB'] ?? 1024);
delete process.env['BENCH_BACKUP_MB'];
const LINES = 20_000;
const LIMIT = 60;
const CLI = fileURLToPath(new URL('../../apps/cli/main.js', import.meta.url));

/** A backup of a large database while it is written to, and having it back. */
export async function backup(): Promise<Figure[]> {
  const server = await startVariant('no-background');
  const path = join(server.directory, 'abathur.db');
  const environment = { ABATHUR_DB_PATH: path, ABATHUR_BACKUP_DIR: join(server.directory, 'backups') };
  for (let round = 0; sizeOf(path) < SIZE * 1024 * 1024; round++) {
    const lines = memoryLines(LINES).replaceAll('user:bench', `user:round${round}:bench`);
    await importLines(server.url, lines);
  }
  await drive(server.url, addMemory, { seconds: 1 });
  const before = await drive(server.url, addMemory, { seconds: 5 });
  const begin = performance.now();
  const taken = abathur(['backup', 'take', '--json'], environment).then(() => (performance.now() - begin) / 1000);
  // Windows of the load until the backup is there; the worst of them counts.
  const windows = [];
  const end = new AbortController();
  void taken.finally(() => end.abort()).catch(() => undefined);
  do windows.push(await drive(server.url, addMemory, { seconds: 1 }));
  while (!end.signal.aborted);
  const during = windows.toSorted((a, b) => a.p99 - b.p99)[Math.floor((windows.length - 1) / 2)]!;
  const loaded = await taken;
  const quiet = await seconds(() => abathur(['backup', 'take', '--json'], environment));
  const size = sizeOf(path);
  const into = join(server.directory, 'restored.db');
  const restored = await seconds(() => abathur(['restore', 'latest', '--into', into, '--yes', '--json'], environment));
  await server.stop();
  return [
    figure(`backup of ${mb(size)}`, quiet),
    figure('the same under full load', loaded),
    figure('restore of it', restored),
    {
      what: 'write p99 during a backup, median second',
      measured: `${ms(during.p99)}, ${times(during.p99 / before.p99)}`,
      target: `≤ 3 × of ${ms(before.p99)}`,
      ok: during.p99 <= 3 * before.p99 && windows.every(({ failed }) => failed === 0),
    },
  ];
}

const figure = (what: string, taken: number): Figure => ({
  what,
  measured: `${taken.toFixed(1)} s`,
  target: `≤ ${LIMIT} s`,
  ok: taken <= LIMIT,
});

const sizeOf = (path: string): number => statSync(path).size;

async function seconds(work: () => Promise<void>): Promise<number> {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}

async function abathur(args: string[], environment: Record<string, string>): Promise<void> {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`abathur ${args.join(' ')} ended with ${code}`);
}
