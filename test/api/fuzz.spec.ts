import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database, sql } from '#storage';
import { fuzz, type Exchange, type Fuzzed } from '../support/fuzzing.js';
import { inspect } from '../support/inspect.js';
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
  });
});

/** A user with something everywhere. */
async function settle(server: TestServer, name: string, text: string): Promise<void> {
  const api = client(server);
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
      .send({ agent_id: `${id}a${n}`, name })
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
