import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startKeyedServer, type KeyedServer } from '../support/keyed-server.js';

// The gate looked for the session that the request itself had deleted, and said 404 before the kept answer could be given again.
describe('A write that did away with what it is about', () => {
  let server: KeyedServer;
  let alice: string;
  let same: string;
  let mallory: string;
  beforeAll(async () => {
    server = await startKeyedServer({ ABATHUR_BACKGROUND: 'off' });
    const agent = { role: 'agent' as const, app: 'cafe', users: ['alice'] };
    alice = await server.key({ name: 'alice', ...agent });
    same = await server.key({ name: 'alice too', ...agent });
    mallory = await server.key({ name: 'mallory', role: 'agent', app: 'bank', users: ['mallory'] });
  });
  afterAll(() => server.stop());

  async function send(key: string, method: string, path: string, body?: object, once?: string) {
    const answer = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(once === undefined ? {} : { 'idempotency-key': once }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      etag: answer.headers.get('etag'),
      position: answer.headers.get('x-position'),
      code: text === '' ? undefined : (JSON.parse(text) as { code?: string }).code,
    };
  }

  const open = async (session_id: string): Promise<void> => {
    const opened = await send(alice, 'POST', '/v1/sessions', { session_id, app_name: 'cafe', user_id: 'alice' });
    expect(opened.status).toBe(201);
  };

  it.each<[what: string, method: string, path: (id: string) => string, body: object | undefined]>([
    ['the session', 'DELETE', (id) => `/v1/sessions/${id}`, undefined],
    ['a memory of the session', 'DELETE', (id) => `/v1/memories/session:${id}/note`, undefined],
    ['an event of the session', 'POST', (id) => `/v1/sessions/${id}/events`, event()],
    ['its state', 'PUT', (id) => `/v1/sessions/${id}/state/mood`, { value: 'calm' }],
    ['its status', 'PUT', (id) => `/v1/sessions/${id}/status`, { status: 'active' }],
    ['a fork of it', 'POST', (id) => `/v1/sessions/${id}/fork`, {}],
  ])('R-A3 is answered as the first time to who sent it, and to nobody else: %s', async (what, method, path, body) => {
    const id = `gone-${what.replace(/\W+/g, '-')}`;
    const once = `once-${id}`;
    await open(id);
    await send(alice, 'PUT', `/v1/memories/session:${id}/note`, { value: { n: 1 } });
    const first = await send(alice, method, path(id), body, once);
    expect(first.status).toBeLessThan(300);
    await send(alice, 'DELETE', `/v1/sessions/${id}`);
    expect((await send(alice, 'GET', `/v1/sessions/${id}`)).status).toBe(404);

    const again = await send(alice, method, path(id), body, once);
    // An event that was there already is not created.
    const status = what === 'an event of the session' ? [first.status, 200] : [first.status];
    expect(status).toContain(again.status);
    expect({ ...again, status: 0 }).toEqual({ ...first, status: 0 });
    // With another key, and under another name, there is nothing.
    for (const [key, name] of [
      [same, once],
      [mallory, once],
      [alice, `${once}-other`],
      [alice, undefined],
    ] as const) {
      const { status: refused } = await send(key, method, path(id), body, name);
      expect([403, 404]).toContain(refused);
    }
  });

  it('R-A3 is not let in to something else under the same name', async () => {
    await open('first');
    await open('second');
    expect((await send(alice, 'DELETE', '/v1/sessions/first', undefined, 'reused')).status).toBe(204);
    expect((await send(alice, 'DELETE', '/v1/sessions/second')).status).toBe(204);
    expect(await send(alice, 'DELETE', '/v1/sessions/second', undefined, 'reused')).toMatchObject({
      status: 404,
      code: 'session-not-found',
    });
  });
});

function event(): object {
  return { event_type: 'message', actor: 'user', content: { text: 'x' } };
}
