import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { abathur } from '../support/cli.js';
import { startKeyedServer, type KeyedServer } from '../support/keyed-server.js';
import { until } from '../support/until.js';

/** One string for each thing that is nobody else's business. */
const canaries: Record<string, string> = {};
const canary = (of: string): string => (canaries[of] ??= `canary${randomBytes(8).toString('hex')}`);

interface Answer {
  status: number;
  text: string;
  challenge: string | null;
}

describe('What clients keep to themselves', () => {
  let server: KeyedServer;
  let alice: string;
  let mallory: string;
  beforeAll(async () => {
    server = await startKeyedServer({
      ABATHUR_LOG_LEVEL: 'debug',
      ABATHUR_AUDIT_READS: 'on',
      ABATHUR_SLOW_READ_MS: '1',
    });
    alice = await server.key({ name: 'alice', role: 'agent', app: 'cafe', users: ['alice'] });
    mallory = await server.key({ name: 'mallory', role: 'agent', app: 'bank', users: ['mallory'] });
  });
  afterAll(() => server.kill());

  async function send(
    key: string,
    method: string,
    path: string,
    body?: object | string,
    more: Record<string, string> = {},
  ): Promise<Answer> {
    const answer = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...more,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: answer.status, text: await answer.text(), challenge: answer.headers.get('www-authenticate') };
  }

  it('T17 is in no line of the log, in no metric, and in no answer to somebody else', async () => {
    const secretOf = (key: string): string => key.split('_').slice(3, -1).join('_');
    canaries['secret of a key'] = secretOf(alice);
    canaries['secret of the operator'] = secretOf(server.operator);
    const headers = {
      'idempotency-key': canary('idempotency key'),
      'x-correlation-id': canary('correlation id'),
      'user-agent': canary('user agent'),
      cookie: `session=${canary('cookie')}`,
      'x-anything': canary('header'),
      traceparent: canary('traceparent'),
    };
    const memory = '/v1/memories/user:alice/note';
    const session = { session_id: 's-alice', app_name: 'cafe', user_id: 'alice', metadata: { m: canary('metadata') } };
    const event = { event_type: 'message', actor: 'user', content: { text: canary('what was said') } };
    expect((await send(alice, 'PUT', memory, { value: { text: canary('memory') } }, headers)).status).toBe(201);
    expect((await send(alice, 'POST', '/v1/sessions', session)).status).toBe(201);
    expect((await send(alice, 'POST', '/v1/sessions/s-alice/events', event)).status).toBe(201);
    const state = '/v1/sessions/s-alice/state/mood';
    expect((await send(alice, 'PUT', state, { value: canary('state') })).status).toBe(200);
    for (const mode of ['keyword', 'semantic', 'hybrid'])
      expect((await send(alice, 'POST', '/v1/memories/search', { query: canary('query'), mode })).status).toBe(200);
    expect(
      (await send(alice, 'POST', '/v1/context', { session_id: 's-alice', query: canary('query') })).status,
    ).toBeLessThan(300);
    expect((await send(alice, 'GET', `/v1/memories?created_by=${canary('parameter')}`)).status).toBe(200);
    // Refused in every way there is: what was wrong is told to who sent it, and to nobody else.
    const refused = [
      await send(alice, 'PUT', memory, { value: canary('refused value') }),
      await send(alice, 'PUT', memory, `{"value": {"text": "${canary('broken body')}"`),
      await send(alice, 'PUT', memory, { value: {} }, { 'if-match': canary('precondition') }),
      await send(alice, 'GET', `/v1/memories?nothing=${canary('unknown parameter')}`),
      await send(alice, 'GET', `/v1/${canary('path')}`),
      await send(alice, 'GET', `/v1/sessions/${canary('unknown session')}`),
      await send(`abk_test_nothere0_${canary('wrong key')}`, 'GET', memory),
    ];
    for (const { status } of refused) expect(Math.floor(status / 100)).toBe(4);

    const others = [
      await send(mallory, 'GET', memory),
      await send(mallory, 'GET', '/v1/sessions/s-alice'),
      await send(mallory, 'GET', state),
      await send(mallory, 'PUT', memory, { value: {} }),
      await send(mallory, 'POST', '/v1/sessions', session),
      await send(mallory, 'POST', '/v1/context', { session_id: 's-alice' }),
      await send(mallory, 'DELETE', memory, undefined, { 'idempotency-key': headers['idempotency-key'] }),
      await send(mallory, 'POST', '/v1/memories/search', { query: 'note' }),
      await send('nothing', 'GET', memory),
    ].map(({ text }) => text);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const health = await (await fetch(`${server.url}/health`)).text();
    expect(await server.stop()).toBe(0);

    const places = { log: server.output(), metrics, health, others: others.join('\n') };
    expect(places.log.split('\n').filter((line) => line.includes('"event":"request"')).length).toBeGreaterThan(20);
    const found = Object.entries(places).flatMap(([place, text]) =>
      Object.entries(canaries)
        .filter(([, value]) => text.includes(value))
        .map(([what]) => `${what} in ${place}`),
    );
    expect(found).toEqual([]);
  });
});

describe('A key that does not count', () => {
  let server: KeyedServer;
  beforeAll(async () => {
    server = await startKeyedServer();
  });
  afterAll(() => server.stop());

  const ask = async (key: string): Promise<object> => {
    const answer = await fetch(`${server.url}/v1/memories`, { headers: { authorization: `Bearer ${key}` } });
    const { request_id: _, ...body } = (await answer.json()) as Record<string, unknown>;
    const { date: __, 'x-request-id': ___, ...headers } = Object.fromEntries(answer.headers);
    return { status: answer.status, body, headers };
  };

  // Nor by the time that it takes: what is kept is compared in constant time, and where nothing is kept, with random bytes.
  it('T13 is refused word for word alike, whatever is wrong with it', async () => {
    const agent = { role: 'agent' as const, app: 'cafe', users: ['alice'] };
    const [good, revoked, expiring] = [
      await server.key({ name: 'good', ...agent }),
      await server.key({ name: 'revoked', ...agent }),
      await server.key({ name: 'expiring', ...agent, expires_at: new Date(Date.now() + 10_000).toISOString() }),
    ];
    const { makeKey } = await import('#access');
    const spelled = good.split('_');
    const forged = makeKey('test').text.split('_');
    const { crc32 } = await import('node:zlib');
    const body = [...spelled.slice(0, 3), ...forged.slice(3, -1)].join('_');
    const wrongSecret = `${body}_${crc32(body).toString(16).padStart(8, '0')}`;
    const { status } = await fetch(`${server.url}/v1/admin/keys/${revoked.split('_')[2]}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${server.operator}` },
    });
    expect(status).toBe(204);
    await until('it has expired', async () => ((await ask(expiring)) as { status: number }).status === 401);
    const unknown = await ask(makeKey('test').text);
    expect(unknown).toMatchObject({ status: 401, body: { code: 'no-key' } });
    for (const key of [wrongSecret, revoked, expiring, 'abk_test_nothing', good.slice(0, -1)])
      expect(await ask(key)).toEqual(unknown);
    expect(await ask(good)).toMatchObject({ status: 200 });
  });

  it('says in which minute it was last shown', async () => {
    const key = await server.key({ name: 'used', role: 'auditor' });
    const id = key.split('_')[2]!;
    const told = async (): Promise<string | null> => {
      const answer = await fetch(`${server.url}/v1/admin/keys/${id}`, {
        headers: { authorization: `Bearer ${server.operator}` },
      });
      return ((await answer.json()) as { last_used_at: string | null }).last_used_at;
    };
    expect(await told()).toBeNull();
    const before = `${new Date().toISOString().slice(0, 16)}:00.000Z`;
    expect(await ask(key)).toMatchObject({ status: 200 });
    const used = await until('its use is noted', told);
    expect(used >= before && used <= new Date().toISOString()).toBe(true);
    expect(used).toMatch(/:00\.000Z$/);
    const { out } = await abathur(['keys', 'list', '--json'], { ABATHUR_DB_PATH: server.path });
    const { keys } = JSON.parse(out) as { keys: { id: string; last_used_at: string | null }[] };
    expect(keys.find((one) => one.id === id)!.last_used_at).toBe(used);
  });
});
