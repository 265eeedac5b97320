import { manyEvents } from './reads.bench.js';
import { mb, ms, per, times, type Figure } from './report.js';
import { importLines, quantile, send, startVariant, timings } from './running.js';

const MEMORIES = 100_000;

/** Import of many memories, the cost of late events of a session, and the memory held during all of it. */
export async function bulk(): Promise<Figure[]> {
  const server = await startVariant('full');
  const begin = performance.now();
  await importLines(server.url, memoryLines(MEMORIES));
  const rate = MEMORIES / ((performance.now() - begin) / 1000);

  await send(`${server.url}/v1/sessions`, 'POST', { session_id: 'short', app_name: 'bench', user_id: 'u' });
  await send(`${server.url}/v1/sessions`, 'POST', { session_id: 'long', app_name: 'bench', user_id: 'u' });
  const append = (session: string): Promise<unknown> =>
    send(`${server.url}/v1/sessions/${session}/events`, 'POST', manyEvents(1)[0]);
  await timings(50, () => append('short'));
  for (let i = 0; i < 10; i++)
    await send(`${server.url}/v1/sessions/long/events/batch`, 'POST', { events: manyEvents(1000) });
  // Alternating, so that both see the same machine; the median, because a neighbour's burst is not our growth.
  const [first, late]: [number[], number[]] = [[], []];
  for (let i = 0; i < 300; i++) {
    const session = await fresh(server.url, i);
    first.push(...(await timings(1, () => append(session))));
    late.push(...(await timings(1, () => append('long'))));
  }
  const [early, tenThousandth] = [first, late].map((taken) =>
    quantile(
      taken.toSorted((a, b) => a - b),
      0.5,
    ),
  ) as [number, number];
  const { resident, anonymous } = server.peak();
  await server.stop();
  return [
    {
      what: `import of ${MEMORIES.toLocaleString('en')} memories`,
      measured: per(rate),
      target: '≥ 20,000/s',
      ok: rate >= 20_000,
    },
    { what: 'first event of a session, median', measured: ms(early), target: 'the measure', ok: true },
    {
      what: '10,000th event of a session',
      measured: times(tenThousandth / early),
      target: '≤ 1.2 ×',
      ok: tenThousandth <= 1.2 * early,
    },
    {
      what: 'resident memory, peak',
      measured: `${mb(resident)} (${mb(anonymous)} without mapped files)`,
      target: '< 250 MB',
      ok: resident < 250 * 1024 * 1024,
    },
  ];
}

async function fresh(url: string, n: number): Promise<string> {
  const session_id = `fresh${n}`;
  await send(`${url}/v1/sessions`, 'POST', { session_id, app_name: 'bench', user_id: 'u' });
  return session_id;
}

/** Memories as lines of an import, spread over a thousand users. */
export function memoryLines(count: number): string {
  let text = '';
  for (let n = 0; n < count; n++) {
    text += `${JSON.stringify({ namespace: `user:bench${n % 1000}`, key: `k${n}`, value: { text: 'The quick brown fox jumps over the lazy dog.', n }, metadata: { source: 'bench' } })}\n`;
  }
  return text;
}
