import { memoryLines } from './bulk.bench.js';
import { addMemory, drive } from './load.js';
import { per, times, type Figure } from './report.js';
import { send, startVariant } from './running.js';

const BACKLOG = 20_000;

/** Durable writes while thousands of texts wait for their vectors, against the same without any background work. */
export async function embedding(): Promise<Figure[]> {
  const rates: Record<string, number> = {};
  let left = 0;
  for (const variant of ['full', 'no-background', 'full', 'no-background']) {
    const server = await startVariant(variant);
    const headers = { 'content-type': 'application/x-ndjson' };
    await send(`${server.url}/v1/memories/import`, 'POST', memoryLines(BACKLOG), headers);
    const { rate } = await drive(server.url, addMemory, { seconds: 4 });
    rates[variant] = Math.max(rates[variant] ?? 0, rate);
    if (variant === 'full') {
      const status = (await send(`${server.url}/v1/search/status`, 'GET')) as { backlog: number; lag: number };
      left = status.backlog + status.lag;
    }
    await server.stop();
  }
  const { full, 'no-background': alone } = rates as { full: number; 'no-background': number };
  return [
    {
      what: 'POST /v1/memories with the embedder busy',
      measured: per(full),
      target: `without ${per(alone)}; ${left} texts still waited at the end`,
      ok: left > 0,
    },
    { what: 'against without', measured: times(full / alone), target: '≥ 0.9 ×', ok: full >= 0.9 * alone },
  ];
}
