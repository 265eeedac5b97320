import { setTimeout as sleep } from 'node:timers/promises';
import { drive, type TrafficFigures } from '../../apps/cli/traffic/drive.js';
import { errorRate, tableOf } from '../../apps/cli/traffic/table.js';
import { ms, per, times, type Figure } from './report.js';
import { startVariant, type Running } from './running.js';

/** Minutes of the even part; the others take half a minute. */
const MINUTES = Number(process.env['BENCH_MINUTES'] ?? 1);
const SESSIONS = 100;

const work = (
  { url }: Running,
  more: { sessions: number; rate: number | null; seconds: number },
): Promise<TrafficFigures> =>
  drive(
    { url, app: 'bench', seed: more.sessions, run: `${more.sessions}-${more.rate ?? 'full'}`, ...more },
    () => false,
  );

/**
 * Mixed work of many sessions, timed from when each request was due: what the machine can take, half of that for
 * minutes, and twice that.
 */
export async function load(): Promise<Figure[]> {
  const server = await startVariant('full', { ABATHUR_LOG_LEVEL: 'error' });
  try {
    await work(server, { sessions: SESSIONS, rate: null, seconds: 5 });
    const most = await work(server, { sessions: SESSIONS, rate: null, seconds: 15 });
    const even = await work(server, { sessions: SESSIONS, rate: most.goodput / 2, seconds: MINUTES * 60 });
    const over = work(server, { sessions: 2 * SESSIONS, rate: most.goodput * 2, seconds: 30 });
    const health: number[] = [];
    for (let asked = 0; asked < 50; asked++) {
      await sleep(400);
      const begin = performance.now();
      await fetch(`${server.url}/health/live`);
      health.push(performance.now() - begin);
    }
    const slowest = Math.max(...health);
    const twice = await over;
    console.log(
      `\nHalf of what it can take, by kind\n${tableOf(even)}\nTwice of what it can take, by kind\n${tableOf(twice)}`,
    );
    return [
      {
        what: `${SESSIONS} sessions, as fast as answers come`,
        measured: per(most.goodput),
        target: 'what it can take',
        ok: true,
      },
      {
        what: `${SESSIONS} sessions, half of that, ${MINUTES} min: errors`,
        measured: `${(errorRate(even.all) * 100).toFixed(3)} %`,
        target: '< 0.1 %',
        ok: errorRate(even.all) < 0.001,
      },
      { what: '… shed', measured: `${even.all.shed}`, target: '0', ok: even.all.shed === 0 },
      {
        what: '… p50',
        measured: ms(even.all.p50 ?? Number.NaN),
        target: '< 20 ms',
        ok: (even.all.p50 ?? Infinity) < 20,
      },
      {
        what: '… p99',
        measured: ms(even.all.p99 ?? Number.NaN),
        target: '< 100 ms',
        ok: (even.all.p99 ?? Infinity) < 100,
      },
      {
        what: `${2 * SESSIONS} sessions, twice of that: answers, against what it can take`,
        measured: times(twice.goodput / most.goodput),
        target: '≥ 0.8 ×',
        ok: twice.goodput >= 0.8 * most.goodput,
      },
      {
        what: '… failed otherwise than by being sent away',
        measured: `${twice.all.failed}`,
        target: '0',
        ok: twice.all.failed === 0,
      },
      {
        what: '… /health/live meanwhile, slowest of 50',
        measured: ms(slowest),
        target: '< 1,000 ms',
        ok: slowest < 1000,
      },
    ];
  } finally {
    await server.stop();
  }
}
