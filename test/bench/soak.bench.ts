import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { drive } from '../../apps/cli/traffic/drive.js';
import { errorRate } from '../../apps/cli/traffic/table.js';
import { slopeOf } from '../../apps/cli/validate/slope.js';
import { mb, type Figure } from './report.js';
import { startVariant, type Running } from './running.js';

const MINUTES = Number(process.env['BENCH_MINUTES'] ?? 3);
const RATE = Number(process.env['BENCH_RATE'] ?? 100);
/** In the first part caches fill and code is compiled. */
const WARM_UP = 1 / 3;

interface Seen {
  /** Hours since the beginning. */
  at: number;
  anonymous: number;
  handles: number;
  wal: number;
}

/** Even work for minutes: whether memory, handles and the write-ahead log stay as they are. */
export async function soak(): Promise<Figure[]> {
  const server = await startVariant('full', { ABATHUR_LOG_LEVEL: 'error' });
  const seen: Seen[] = [];
  const begin = performance.now();
  const sampler = setInterval(() => seen.push(look(server, (performance.now() - begin) / 3_600_000)), 1000);
  try {
    const figures = await drive(
      { url: server.url, app: 'bench', sessions: 100, rate: RATE, seconds: MINUTES * 60, seed: 7, run: 'soak' },
      () => false,
    );
    clearInterval(sampler);
    const settled = seen.slice(Math.ceil(seen.length * WARM_UP));
    const half = Math.floor(settled.length / 2);
    const [early, late] = [settled.slice(0, half), settled.slice(half)];
    const middle = (part: Seen[], of: (one: Seen) => number): number =>
      part.map(of).toSorted((a, b) => a - b)[Math.floor(part.length / 2)]!;
    const grown = middle(late, ({ anonymous }) => anonymous) / middle(early, ({ anonymous }) => anonymous) - 1;
    const slope = slopeOf(settled.map(({ at, anonymous }) => [at, anonymous]));
    const handles = [middle(early, (one) => one.handles), middle(late, (one) => one.handles)];
    const wal = Math.max(...seen.map((one) => one.wal));
    return [
      {
        what: `${MINUTES} min, ${figures.all.answered.toLocaleString('en')} answers: errors`,
        measured: `${(errorRate(figures.all) * 100).toFixed(3)} %`,
        target: '< 0.1 %',
        ok: errorRate(figures.all) < 0.001,
      },
      {
        what: 'memory in the last third, against the one before',
        measured: `${grown >= 0 ? '+' : ''}${(grown * 100).toFixed(1)} %`,
        target: `≤ +5 %; slope ${mb(slope)} per hour, which a few minutes do not show well`,
        ok: grown <= 0.05,
      },
      {
        what: 'open files and sockets, both thirds',
        measured: handles.join(' and '),
        target: 'no more in the last',
        ok: handles[1]! <= handles[0]!,
      },
      { what: 'write-ahead log at most', measured: mb(wal), target: '< 100 MB', ok: wal < 100e6 },
    ];
  } finally {
    clearInterval(sampler);
    await server.stop();
  }
}

function look({ process: { pid }, directory }: Running, at: number): Seen {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    at,
    anonymous: Number(/RssAnon:\s+(\d+)/.exec(status)![1]) * 1024,
    handles: readdirSync(`/proc/${pid}/fd`).length,
    wal: statSync(join(directory, 'abathur.db-wal')).size,
  };
}
