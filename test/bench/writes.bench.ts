import { addMemory, drive, type LoadResult } from './load.js';
import { ms, per, times, type Figure } from './report.js';
import { startVariant } from './running.js';

/** Durable `POST /v1/memories` against the same route without a database, and against a transaction for each request. */
export async function writes(): Promise<Figure[]> {
  // Interleaved, and the best of each: on a shared machine whole seconds are somebody else's.
  const rounds: Record<string, LoadResult[]> = { full: [], 'no-database': [], 'per-request': [] };
  for (let round = 0; round < 3; round++) {
    for (const variant of Object.keys(rounds)) {
      const server = await startVariant(variant);
      await drive(server.url, addMemory, { seconds: 1 });
      rounds[variant]!.push(await drive(server.url, addMemory, { seconds: 4 }));
      await server.stop();
    }
  }
  const best = (variant: string): LoadResult => rounds[variant]!.toSorted((a, b) => b.rate - a.rate)[0]!;
  const [full, floor, single] = [best('full'), best('no-database'), best('per-request')];
  return [
    {
      what: 'durable POST /v1/memories, 64 connections',
      measured: per(full.rate),
      target: `floor without database ${per(floor.rate)}`,
      ok: full.failed === 0,
    },
    {
      what: 'against the same route without a database',
      measured: times(full.rate / floor.rate),
      target: '≥ 0.8 ×',
      ok: full.rate >= 0.8 * floor.rate,
    },
    {
      what: 'against one transaction per request',
      measured: times(full.rate / single.rate),
      target: `≥ 3 × of ${per(single.rate)}`,
      ok: full.rate >= 3 * single.rate,
    },
    { what: 'p99', measured: ms(full.p99), target: '≤ 50 ms', ok: full.p99 <= 50 },
  ];
}
