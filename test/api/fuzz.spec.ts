import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database, sql } from '#storage';
import supertest from 'supertest';
import { fuzz, type Exchange, type Fuzzed } from '../support/fuzzing.js';
import { inspect } from '../support/inspect.js';
import { startKeyedServer, type KeyedServer } from '../support/keyed-server.js';
import { client, startServer, type TestServer } from '../support/server.js';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 2_500);
const SEED = Number(process.env['FUZZ_SEED'] ?? 20261125);

/** Stands in everything that another tenant has. */
const CANARY = 'canary-9c1f7e3b';

describe('Any request that the document allows, and many that it does not', () => {
  let server: TestServer;
  let fuzzed: Fuzzed;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off', ABATHUR_LOG_LEVEL: 'trace' });
    await settle(server, 'victim', CANARY);
    await settle(server, 'fuzz', 'mine');
    await settle(server, 'gone', 'mine');
    fuzzed = await fuzz({ url: server.url, seed: SEED, runs: RUNS, judge: leaked });
  }, 600_000);
  afterAll(() => server.kill());

  it('R-O8 is answered as the document says, never with a failure, and shows neither the inside nor another tenant', () => {
    expect(fuzzed.flaws).toEqual([]);
    expect(fuzzed.exchanges).toBeGreaterThanOrEqual(RUNS);
  });

  it('R-O8 does what was asked in most operations: the others were not even reached', () => {
    expect(fuzzed.done.size).toBeGreaterThan(80);
  });

  it('R-O8 leaves a log and tables that hold together, and nothing of what was refused', async () => {
    await expectWhole(server, fuzzed);
  });
});

describe('Any request with the key of an agent', () => {
  let server: KeyedServer;
  let fuzzed: Fuzzed;
  beforeAll(async () => {
    server = await startKeyedServer({
      ABATHUR_BACKGROUND: 'off',
      ABATHUR_LOG_LEVEL: 'trace',
    });
    const operator = bearer(server.operator);
    await settle(server, 'victim', CANARY, operator);
    await settle(server, 'fuzz', 'mine', operator);
    await settle(server, 'gone', 'mine', operator);
    const key = await server.key({
      role: 'agent',
      name: 'fuzz',
      app: 'fuzz',
      users: ['fuzz'],
      projects: { fuzz: 'write' },
    });
    fuzzed = await fuzz({
      url: server.url,
      seed: SEED + 1_000,
      runs: RUNS,
      headers: bearer(key),
      trespass: true,
      judge: ({ drawn, text }) =>
        text.includes(CANARY)
          ? `${drawn.operation.name} shows what belongs to another: ${text.slice(0, 300)}`
          : undefined,
    });
  }, 600_000);
  afterAll(() => server.kill());

  it('R-O8 never shows a byte of another tenant, whatever it asks for', () => {
    expect(fuzzed.flaws).toEqual([]);
    expect(fuzzed.done.size).toBeGreaterThan(35);
  });

  it('R-O8 leaves a log that holds together, nothing of what was refused, and the other tenant as it was', async () => {
    const api = client(server);
    for (const n of [1, 2, 3]) {
      const { body } = await api.get(`/v1/memories/user:victim/k${n}`).set(bearer(server.operator)).expect(200);
      expect(body).toMatchObject({ version: 1, value: { text: `green tea ${n} ${CANARY}` } });
    }
    await expectWhole(server, fuzzed);
  });
});

const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

/** Stops the server, and looks at what it leaves behind. */
async function expectWhole(server: TestServer, fuzzed: Fuzzed): Promise<void> {
  expect(await server.stop()).toBe(0);
  expect(server.output()).not.toMatch(/request-failed|UnhandledPromise/);
  expect(server.output()).not.toContain(CANARY);
  const { head, holes, chain, integrity, differences } = inspect(server.path);
  expect({ holes, chain, integrity, differences }).toEqual({
    holes: [],
    chain: { checked: head },
    integrity: 'ok',
    differences: [],
  });
  const db = Database.open({ path: server.path, synchronous: 'NORMAL' });
  const written = db.all<{ id: string }>(sql`SELECT DISTINCT correlation_id AS id FROM audit`);
  db.close();
  expect(written.filter(({ id }) => fuzzed.refused.has(id))).toEqual([]);
  expect(written.length).toBeGreaterThan(50);
}

/** A user with something everywhere. */
async function settle(server: TestServer, name: string, text: string, headers = {}): Promise<void> {
  const api = supertest.agent(server.url).set(headers);
  const of = (n: number): string => (name === 'victim' ? `victim-session${n}` : `${name}${n}`);
  for (const n of [1, 2, 3]) {
    const session = { session_id: of(n), app_name: name, user_id: name, project_id: name, initial_state: { text } };
    await api.post('/v1/sessions').send(session).expect(201);
    await api
      .post(`/v1/sessions/${of(n)}/events`)
      .send({ event_type: 'message', actor: 'user', content: { text: `green tea ${text}` } })
      .expect(201);
    for (const namespace of [`user:${name}`, `user:${name}:notes`, `project:${name}`, `app:${name}`])
      await api
        .put(`/v1/memories/${namespace}/k${n}`)
        .send({ value: { text: `green tea ${n} ${text}` }, metadata: { n } })
        .expect(201);
    if (name === 'gone') continue;
    const id = name === 'victim' ? 'victim-' : '';
    await api
      .post('/v1/tasks')
      .send({ task_id: `${id}t${n}`, prompt: text, session_id: of(n) })
      .expect(201);
    await api
      .post('/v1/agents')
      .send({ agent_id: `${id}a${n}`, name, session_id: of(n) })
      .expect(201);
  }
}

/** What of another tenant an answer holds, where the question can only have been for one's own. */
function leaked({ drawn, url, body, text }: Exchange): string | undefined {
  if (!text.includes(CANARY) || !asksForOwn(drawn.operation.path, url, body)) return undefined;
  return `${drawn.operation.name} shows what belongs to another: ${text.slice(0, 300)}`;
}

function asksForOwn(path: string, url: string, body = ''): boolean {
  if (path.startsWith('/v1/memories/{namespace}') || path.startsWith('/v1/sessions/{id}')) return true;
  if (path === '/v1/context' || path.startsWith('/v1/tasks/{id}')) return true;
  return /[?&]namespace_prefix=user%3Afuzz/.test(url) || /^\{[^{[]*"namespace_prefix":"user:fuzz/.test(body);
}
