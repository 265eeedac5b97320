import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '#storage';
import { client, startServer, type TestServer } from '../support/server.js';
import { holds, until } from '../support/until.js';

describe('A server that has more to do than it can', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
  });
  afterAll(async () => {
    expect(await server.stop()).toBe(0);
  });

  let refusedInAll = 0;
  const write = async (key: string): Promise<Response> => {
    const answer = await fetch(`${server.url}/v1/memories/user:crowd/${key}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"value":{"n":1}}',
    });
    if (answer.status === 503) refusedInAll += 1;
    return answer;
  };
  const crowd = (name: string, size: number): Promise<Response[]> =>
    Promise.all(Array.from({ length: size }, (_, n) => write(`${name}${n}`)));

  it('R-O8 refuses what could only wait, keeps what it has let in, tells how it is, and recovers by itself', async () => {
    const api = client(server);
    const neighbour = Database.open({ path: server.path });
    neighbour.exec('BEGIN IMMEDIATE');
    const early = crowd('early', 100);
    // The oldest of them waits for longer than anybody has to.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const late = await crowd('late', 100);
    await api.get('/health/live').expect(200);
    await api.get('/metrics').expect(200);
    neighbour.exec('ROLLBACK');
    neighbour.close();

    // On a slow machine the last of them come when the first have waited too long already.
    const kept = (await early).filter(({ status }) => status !== 503);
    expect(kept.filter(({ status }) => status !== 201)).toEqual([]);
    expect(kept).not.toEqual([]);
    const refused = late.filter(({ status }) => status === 503);
    expect(refused).toHaveLength(100);
    for (const answer of refused) {
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(await answer.json()).toMatchObject({ code: 'overloaded', status: 503 });
    }
    await until('it takes everything', async () => (await crowd('after', 100)).every(({ status }) => status < 300));
    const { body } = await api.get('/v1/memories?namespace_prefix=user:crowd&limit=1000').expect(200);
    const keys = (body.items as { key: string }[]).map(({ key }) => key);
    expect(keys.filter((key) => key.startsWith('early'))).toHaveLength(kept.length);
    expect(keys.filter((key) => key.startsWith('late'))).toEqual([]);

    const lines = (): { event: string; refused: number }[] =>
      server
        .output()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as { event: string; refused: number });
    const named = (event: string) => lines().filter((line) => line.event === event);
    // One line tells that it begins and one how it was, however many were refused; the metrics have counted each.
    await holds(() => named('shedding-ended').reduce((sum, line) => sum + line.refused, 0) === refusedInAll);
    expect(named('shedding-began')).toHaveLength(named('shedding-ended').length);
    expect(named('request-refused')).toEqual([]);
    const { text } = await api.get('/metrics').expect(200);
    expect(text).toContain(`abathur_errors_total{code="overloaded"} ${refusedInAll}\n`);
  });
});
