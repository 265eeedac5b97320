import { drive, get } from './load.js';
import { ms, per, times, type Figure } from './report.js';
import { quantile, send, startVariant, timings, type Running } from './running.js';

/** Point reads against the same route answering a constant, and the reads that grow with the data. */
export async function reads(): Promise<Figure[]> {
  const rates: Record<string, number> = {};
  for (const variant of ['full', 'no-database', 'full', 'no-database']) {
    const server = await startVariant(variant);
    if (variant === 'full')
      await send(`${server.url}/v1/memories`, 'POST', {
        namespace: 'user:bench',
        key: 'k',
        value: { text: 'The quick brown fox jumps over the lazy dog.', n: 1 },
      });
    await drive(server.url, get('/v1/memories/user:bench/k'), { seconds: 1 });
    const { rate } = await drive(server.url, get('/v1/memories/user:bench/k'), { seconds: 4 });
    rates[variant] = Math.max(rates[variant] ?? 0, rate);
    await server.stop();
  }
  const server = await startVariant('full');
  const sessionsPage = await firstPageOfSessions(server);
  const lastEvents = await lastOfManyEvents(server);
  await server.stop();
  return [
    {
      what: 'GET one memory',
      measured: per(rates['full']!),
      target: `constant answer ${per(rates['no-database']!)}`,
      ok: true,
    },
    {
      what: 'against a constant answer',
      measured: times(rates['full']! / rates['no-database']!),
      target: '≥ 0.7 ×',
      ok: rates['full']! >= 0.7 * rates['no-database']!,
    },
    {
      what: 'first page of 10,000 sessions, p99',
      measured: ms(sessionsPage),
      target: '< 20 ms',
      ok: sessionsPage < 20,
    },
    { what: 'last 50 of 3,000 events, p99', measured: ms(lastEvents), target: '< 10 ms', ok: lastEvents < 10 },
  ];
}

async function firstPageOfSessions({ url }: Running): Promise<number> {
  for (let i = 0; i < 10_000; i += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        send(`${url}/v1/sessions`, 'POST', { app_name: 'bench', user_id: `u${(i + n) % 100}` }),
      ),
    );
  }
  return quantile(await timings(200, () => send(`${url}/v1/sessions?app_name=bench`, 'GET')), 0.99);
}

async function lastOfManyEvents({ url }: Running): Promise<number> {
  await send(`${url}/v1/sessions`, 'POST', { session_id: 'long', app_name: 'bench', user_id: 'u' });
  for (let i = 0; i < 3; i++) await send(`${url}/v1/sessions/long/events/batch`, 'POST', { events: manyEvents(1000) });
  return quantile(await timings(200, () => send(`${url}/v1/sessions/long?num_recent_events=50`, 'GET')), 0.99);
}

export const manyEvents = (count: number): object[] =>
  Array.from({ length: count }, (_, n) => ({
    event_type: 'message',
    actor: 'user',
    content: { text: `What was said in turn ${n}` },
  }));
