import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { inspect, type Findings } from '../support/inspect.js';
import { startServer, temporaryDirectory, type TestServer } from '../support/server.js';

/** How often the server is killed; more often for a longer look: ABATHUR_KILLS=100. */
const KILLS = Number(process.env['ABATHUR_KILLS'] ?? 5);
const WRITERS = 8;

// Settings of the spec itself are none of the server's.
delete process.env['ABATHUR_KILLS'];

/** A write that the server has answered: where it said it is, and the words that must be there. */
interface Acknowledged {
  position: number;
  words: string;
}

describe(`Killed ${KILLS} times in the middle of writes, the server`, () => {
  const path = join(temporaryDirectory(), 'abathur.db');
  const acknowledged: Acknowledged[] = [];
  let findings: Findings;
  let last: TestServer | undefined;
  afterAll(() => last?.kill());

  it('starts again each time, and takes writes', async () => {
    for (let life = 1; life <= KILLS; life++) {
      const server = await startServer({ ABATHUR_DB_PATH: path, ABATHUR_DB_SYNCHRONOUS: 'NORMAL' });
      last = server;
      const before = acknowledged.length;
      const stopped = Array.from({ length: WRITERS }, (_, n) =>
        writeUntilItIsGone(server, `${life}-${n}`, acknowledged),
      );
      // Each life is killed at another moment: after other numbers of answers, with writes still under way.
      while (acknowledged.length - before < 20 + 37 * life) await new Promise((resolve) => setTimeout(resolve, 1));
      await server.kill();
      await Promise.all(stopped);
      expect(acknowledged.length).toBeGreaterThan(before);
    }
    findings = inspect(path);
    expect(findings.head).toBeGreaterThanOrEqual(acknowledged.length);
  }, 600_000);

  it('has every write that it acknowledged, at the position that it told', () => {
    const lost = acknowledged.filter(({ position, words }) => !findings.events.get(position)?.data.includes(words));
    expect(lost).toEqual([]);
    expect(new Set(acknowledged.map(({ position }) => position)).size).toBe(acknowledged.length);
  });

  it('R-A4 has a chain without a flaw or a hole', () => {
    expect(findings.holes).toEqual([]);
    expect(findings.chain).toEqual({ checked: findings.head });
    expect(findings.integrity).toBe('ok');
  });

  it('R-A5 has tables that equal a replay of the log', () => {
    expect(findings.differences).toEqual([]);
  });

  it('answers what was written before, after one more start', async () => {
    const server = await startServer({ ABATHUR_DB_PATH: path });
    const verification = await fetch(`${server.url}/v1/audit/verify`, { method: 'POST' });
    expect(await verification.json()).toMatchObject({ ok: true });
    const session = await fetch(`${server.url}/v1/sessions/life-1-0?num_recent_events=0`);
    expect(await session.json()).toMatchObject({ session_id: 'life-1-0', status: 'active' });
    expect(await server.stop()).toBe(0);
  });
});

/** Writes memories and events of a session, one after the other, until nobody answers any more. */
async function writeUntilItIsGone({ url }: TestServer, name: string, acknowledged: Acknowledged[]): Promise<void> {
  const session = `life-${name}`;
  try {
    await send(`${url}/v1/sessions`, 'POST', { session_id: session, app_name: 'crash', user_id: 'tester' });
    for (let n = 0; ; n++) {
      const words = `words ${name} ${n}`;
      const memory = `${url}/v1/memories/session:${session}/${n % 5}`;
      const event = { event_type: 'message', actor: 'user', content: { words }, state_delta: { turn: n } };
      const position =
        n % 2 === 0
          ? await send(memory, 'PUT', { value: { words } })
          : await send(`${url}/v1/sessions/${session}/events`, 'POST', event);
      acknowledged.push({ position, words });
    }
  } catch (error) {
    // The server is gone, as it was meant to be; an answer that refuses is another matter.
    if (error instanceof Refused) throw error;
  }
}

class Refused extends Error {}

async function send(url: string, method: string, body: object): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method, headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Refused(`${method} ${url} was answered ${response.status}: ${await response.text()}`);
  return Number(response.headers.get('x-position'));
}
