import { addMemory, drive, offer } from './load.js';
import { ms, per, times, type Figure } from './report.js';
import { quantile, startVariant } from './running.js';

/** Enough to keep the server busy, and fewer than it refuses. */
const CROWD = 256;
const SECONDS = 6;

/** Twice the writes that a server can do, from clients that do not wait for each other. */
export async function overload(): Promise<Figure[]> {
  const server = await startVariant('full', { ABATHUR_LOG_LEVEL: 'error' });
  try {
    await drive(server.url, addMemory, { seconds: 1 });
    const full = await drive(server.url, addMemory, { connections: CROWD, seconds: SECONDS });
    const health: number[] = [];
    const looking = setInterval(() => {
      const begin = performance.now();
      void fetch(`${server.url}/health/live`).then(() => health.push(performance.now() - begin));
    }, 100);
    const twice = await offer(server.url, addMemory, { rate: 2 * full.rate, seconds: SECONDS });
    clearInterval(looking);
    const recovery = await recovered(server.url);
    const { '201': done = 0, '429': limited = 0, '503': shed = 0, ...others } = twice.statuses;
    const worst = quantile(
      health.toSorted((a, b) => a - b),
      0.99,
    );
    return [
      {
        what: `writes at full load, ${CROWD.toLocaleString('en')} connections`,
        measured: per(full.rate),
        target: `p99 ${ms(full.p99)}`,
        ok: full.failed === 0,
      },
      {
        what: `writes done when ${per(2 * full.rate)} are sent`,
        measured: times(twice.rate / full.rate),
        target: '≥ 0.9 × of full load',
        ok: twice.rate >= 0.9 * full.rate,
      },
      {
        what: 'p99 of what was let in',
        measured: ms(twice.p99),
        target: `≤ 2 × of full load or half a second of waiting: ${ms(Math.max(2 * full.p99, 1000))}`,
        ok: twice.p99 <= Math.max(2 * full.p99, 1000),
      },
      {
        what: 'refused with 429 or 503',
        measured: `${Math.round(((limited + shed) / twice.sent) * 100)} %`,
        target: `of ${twice.sent.toLocaleString('en')}; ${done.toLocaleString('en')} done`,
        ok: true,
      },
      {
        what: 'answered otherwise, or not at all',
        measured: JSON.stringify(others),
        target: 'none',
        ok: Object.keys(others).length === 0,
      },
      { what: '/health/live meanwhile, p99', measured: ms(worst), target: '≤ 100 ms', ok: worst <= 100 },
      { what: 'until everything is let in again', measured: ms(recovery), target: '≤ 5 s', ok: recovery <= 5_000 },
    ];
  } finally {
    await server.stop();
  }
}

/** Milliseconds until a hundred at once are all let in. */
async function recovered(url: string): Promise<number> {
  const begin = performance.now();
  for (;;) {
    const { failed } = await drive(url, addMemory, { connections: 100, seconds: 0.1 });
    if (failed === 0) return performance.now() - begin;
    if (performance.now() - begin > 60_000) return Infinity;
  }
}
