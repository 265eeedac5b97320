import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ROUTES } from '../../apps/api/http/route-rights.js';
import { startKeyedServer, type KeyedServer } from '../support/keyed-server.js';
import { ended } from '../support/operations.js';

/** Whose thing a request is about, as seen by alice's agent. */
const TARGETS = {
  own: { user: 'alice', app: 'cafe', session: 's-alice', canary: 'CANARYALICE' },
  sibling: { user: 'bob', app: 'cafe', session: 's-bob', canary: 'CANARYBOB' },
  foreign: { user: 'mallory', app: 'bank', session: 's-mallory', canary: 'CANARYMALLORY' },
  missing: { user: 'nobody', app: 'none', session: 's-nobody', canary: 'CANARYNOBODY' },
} as const;
type Target = keyof typeof TARGETS;

const ROLES = ['agent', 'service', 'auditor', 'operator', 'stranger', 'nobody', 'forger'] as const;
type Role = (typeof ROLES)[number];

/** What each role may know of, by whose it is. The service acts for alice and bob. */
const KNOWS: Record<Role, Target[]> = {
  agent: ['own'],
  service: ['own', 'sibling'],
  auditor: ['own', 'sibling', 'foreign', 'missing'],
  operator: ['own', 'sibling', 'foreign', 'missing'],
  stranger: ['foreign'],
  nobody: [],
  forger: [],
};

// What answers hold is looked at field by field.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Answer = Record<string, any>;

interface Request {
  path: string;
  body?: unknown;
}
type Who = (typeof TARGETS)[Target] & {
  ns: string;
  context: string;
  search: string;
  task: string;
  agent: string;
  conflict: string;
};

/**
 * How each route is asked, and what it asks for: a thing of one's `own` to read or write, what is filtered, or a right by role.
 * A route that is missing here, or in the table of the product, fails.
 */
type Plan = { needs: 'anybody' | 'own' | 'filtered' | 'documents' | 'audit' | 'admin' | 'signal' } & (
  { ask: (who: Who) => Request } | { path: string; body?: unknown }
);
const own = (ask: (who: Who) => Request): Plan => ({ needs: 'own', ask });
const by = (needs: Plan['needs'], path: string, body?: unknown): Plan => ({ needs, path, body });
const event = { event_type: 'message', actor: 'user', content: { text: 'x' } };

const PLANS: Record<string, Plan> = {
  'GET /health': by('anybody', '/health'),
  'GET /health/live': by('anybody', '/health/live'),
  'GET /health/ready': by('anybody', '/health/ready'),
  'POST /v1/sessions': own(({ app, user }) => ({ path: '/v1/sessions', body: { app_name: app, user_id: user } })),
  'GET /v1/sessions': by('filtered', '/v1/sessions'),
  'GET /v1/sessions/{id}': own(({ session }) => ({ path: `/v1/sessions/${session}` })),
  'DELETE /v1/sessions/{id}': own(({ session }) => ({ path: `/v1/sessions/${session}` })),
  'POST /v1/sessions/{id}/events': own(({ session }) => ({ path: `/v1/sessions/${session}/events`, body: event })),
  'GET /v1/sessions/{id}/events': own(({ session }) => ({ path: `/v1/sessions/${session}/events` })),
  'POST /v1/sessions/{id}/events/batch': own(({ session }) => ({
    path: `/v1/sessions/${session}/events/batch`,
    body: { events: [event] },
  })),
  'PUT /v1/sessions/{id}/status': own(({ session }) => ({
    path: `/v1/sessions/${session}/status`,
    body: { status: 'paused' },
  })),
  'GET /v1/sessions/{id}/state': own(({ session }) => ({ path: `/v1/sessions/${session}/state` })),
  'GET /v1/sessions/{id}/state/{key}': own(({ session }) => ({ path: `/v1/sessions/${session}/state/topic` })),
  'PUT /v1/sessions/{id}/state/{key}': own(({ session }) => ({
    path: `/v1/sessions/${session}/state/topic`,
    body: { value: 1 },
  })),
  'POST /v1/sessions/{id}/fork': own(({ session }) => ({ path: `/v1/sessions/${session}/fork`, body: {} })),
  'POST /v1/memories': own(({ ns }) => ({ path: '/v1/memories', body: { namespace: ns, key: 'new', value: {} } })),
  'GET /v1/memories': by('filtered', '/v1/memories?limit=1000'),
  'POST /v1/memories/batch': own(({ ns }) => ({
    path: '/v1/memories/batch',
    body: { operations: [{ op: 'put', namespace: ns, key: 'note', value: { changed: true }, if_match: 999 }] },
  })),
  'POST /v1/memories/search': by('filtered', '/v1/memories/search', { query: 'canary secret note', limit: 100 }),
  'POST /v1/memories/publish': own(({ ns, user }) => ({
    path: '/v1/memories/publish',
    body: { from_namespace: ns, to_namespace: `user:${user}:copies`, key: 'note' },
  })),
  'GET /v1/memories/export': by('filtered', '/v1/memories/export'),
  'POST /v1/memories/import': own(({ ns }) => ({
    path: '/v1/memories/import',
    body: JSON.stringify({ namespace: ns, key: 'imported', value: {} }),
  })),
  'PUT /v1/memories/{namespace}/{key}': own(({ ns }) => ({ path: `/v1/memories/${ns}/note`, body: { value: {} } })),
  'GET /v1/memories/{namespace}/{key}': own(({ ns }) => ({ path: `/v1/memories/${ns}/note` })),
  'DELETE /v1/memories/{namespace}/{key}': own(({ ns }) => ({ path: `/v1/memories/${ns}/note` })),
  'GET /v1/memories/{namespace}/{key}/history': own(({ ns }) => ({ path: `/v1/memories/${ns}/note/history` })),
  'GET /v1/memories/{namespace}/{key}/diff': own(({ ns }) => ({ path: `/v1/memories/${ns}/note/diff?from=1&to=1` })),
  'POST /v1/memories/{namespace}/{key}/restore': own(({ ns }) => ({
    path: `/v1/memories/${ns}/note/restore`,
    body: { version: 1 },
  })),
  'POST /v1/memories/{namespace}/{key}/archive': own(({ ns }) => ({ path: `/v1/memories/${ns}/note/archive` })),
  'POST /v1/memories/{namespace}/{key}/refine': own(({ ns }) => ({
    path: `/v1/memories/${ns}/note/refine`,
    body: { value: {}, episodes: [{ namespace: ns, key: 'note' }] },
  })),
  'GET /v1/namespaces': by('filtered', '/v1/namespaces?limit=1000'),
  'POST /v1/context': own(({ session }) => ({
    path: '/v1/context',
    body: { session_id: session, query: 'canary', record: false },
  })),
  'GET /v1/context': own(({ session }) => ({ path: `/v1/context?session_id=${session}` })),
  'GET /v1/context/{id}': own(({ context }) => ({ path: `/v1/context/${context}` })),
  'POST /v1/search/{search_id}/feedback': {
    needs: 'signal',
    ask: ({ search }) => ({ path: `/v1/search/${search}/feedback`, body: { result_id: 1, signal: 'click' } }),
  },

  'GET /v1/memories/{namespace}/{key}/outcomes': own(({ ns }) => ({ path: `/v1/memories/${ns}/note/outcomes` })),
  'GET /v1/memories/{namespace}/{key}/why': own(({ ns }) => ({ path: `/v1/memories/${ns}/note/why` })),
  'POST /v1/memories/{namespace}/{key}/rollback': own(({ ns }) => ({
    path: `/v1/memories/${ns}/note/rollback`,
    body: { dry_run: true },
  })),
  'GET /v1/memories/conflicts': by('filtered', '/v1/memories/conflicts?limit=1000'),
  'GET /v1/memories/conflicts/{id}': own(({ conflict }) => ({ path: `/v1/memories/conflicts/${conflict}` })),
  // Without its value it is refused: whoever may settle it is told so, and nothing changes.
  'POST /v1/memories/conflicts/{id}/resolve': own(({ conflict }) => ({
    path: `/v1/memories/conflicts/${conflict}/resolve`,
    body: { strategy: 'manual' },
  })),
  'POST /v1/memories/consolidate': by('admin', '/v1/memories/consolidate', { strategy: 'nonsense' }),
  'POST /v1/memories/summarise': by('admin', '/v1/memories/summarise', { dry_run: 'maybe' }),
  'POST /v1/memories/archive': by('admin', '/v1/memories/archive', { dry_run: 'maybe' }),
  'POST /v1/memories/expire': by('admin', '/v1/memories/expire', { dry_run: 'maybe' }),

  'PUT /v1/documents': by('documents', '/v1/documents', { file_path: 'a.md', content: 'x' }),
  'GET /v1/documents': by('documents', '/v1/documents'),
  'POST /v1/documents/sync': by('documents', '/v1/documents/sync', { directory: 'none' }),
  'POST /v1/documents/search': by('documents', '/v1/documents/search', { query: 'canary' }),
  'GET /v1/documents/{id}': by('documents', '/v1/documents/1'),
  'DELETE /v1/documents/{id}': by('documents', '/v1/documents/1'),

  'GET /v1/search/status': by('admin', '/v1/search/status'),
  'POST /v1/search/retry': by('admin', '/v1/search/retry'),

  'POST /v1/tasks': own(({ session }) => ({
    path: '/v1/tasks',
    body: { session_id: session, prompt: 'x', agent_type: 'y' },
  })),
  'GET /v1/tasks': by('filtered', '/v1/tasks?limit=1000'),
  'POST /v1/tasks/claim': by('filtered', '/v1/tasks/claim', { agent_id: 'a', agent_type: 'none' }),
  'GET /v1/tasks/{id}': own(({ task }) => ({ path: `/v1/tasks/${task}` })),
  'PUT /v1/tasks/{id}/status': own(({ task }) => ({
    path: `/v1/tasks/${task}/status`,
    body: { status: 'cancelled' },
  })),
  'GET /v1/tasks/{id}/state': own(({ task }) => ({ path: `/v1/tasks/${task}/state` })),
  'GET /v1/tasks/{id}/state/{key}': own(({ task }) => ({ path: `/v1/tasks/${task}/state/k` })),
  'PUT /v1/tasks/{id}/state/{key}': own(({ task }) => ({ path: `/v1/tasks/${task}/state/k`, body: { value: 1 } })),
  'GET /v1/tasks/{id}/checkpoints': own(({ task }) => ({ path: `/v1/tasks/${task}/checkpoints` })),
  'GET /v1/tasks/{id}/checkpoints/{iteration}': own(({ task }) => ({ path: `/v1/tasks/${task}/checkpoints/1` })),
  'PUT /v1/tasks/{id}/checkpoints/{iteration}': own(({ task }) => ({
    path: `/v1/tasks/${task}/checkpoints/1`,
    body: { state: {} },
  })),
  'POST /v1/agents': own(({ session }) => ({
    path: '/v1/agents',
    body: { session_id: session, name: 'x', state: 'idle' },
  })),
  'GET /v1/agents': by('filtered', '/v1/agents?limit=1000'),
  'GET /v1/agents/{id}': own(({ agent }) => ({ path: `/v1/agents/${agent}` })),
  'PUT /v1/agents/{id}/state': own(({ agent }) => ({ path: `/v1/agents/${agent}/state`, body: { state: 'working' } })),

  'GET /v1/audit/events': by('audit', '/v1/audit/events'),
  'GET /v1/audit/export': by('audit', '/v1/audit/export'),
  'GET /v1/audit/events/{position}': by('audit', '/v1/audit/events/1'),
  'GET /v1/audit/head': by('audit', '/v1/audit/head'),
  'GET /v1/audit/checkpoint': by('audit', '/v1/audit/checkpoint'),
  'GET /v1/audit/keys': by('audit', '/v1/audit/keys'),
  'GET /v1/audit/events/{position}/proof': by('audit', '/v1/audit/events/1/proof'),
  'GET /v1/audit/consistency': by('audit', '/v1/audit/consistency?from=1&to=2'),
  'POST /v1/audit/verify': by('audit', '/v1/audit/verify', {}),
  'GET /v1/audit/feed': by('audit', '/v1/audit/feed?after=-1'),
  'GET /v1/diff': by('audit', '/v1/diff?from=1&to=2'),

  'GET /v1/operations': by('admin', '/v1/operations'),
  'GET /v1/operations/{id}': by('admin', '/v1/operations/none'),
  'POST /v1/operations/{correlation_id}/revert': by('admin', '/v1/operations/none/revert', { dry_run: true }),
  'GET /v1/admin/projections': by('admin', '/v1/admin/projections'),
  'POST /v1/admin/projections/{name}/rebuild': by('admin', '/v1/admin/projections/none/rebuild', { dry_run: true }),
  'GET /v1/admin/projections/{name}/parked': by('admin', '/v1/admin/projections/memories/parked'),
  'POST /v1/admin/projections/{name}/retry': by('admin', '/v1/admin/projections/none/retry'),
  'GET /v1/admin/jobs': by('admin', '/v1/admin/jobs'),
  'PUT /v1/admin/jobs/{name}': by('admin', '/v1/admin/jobs/none', { enabled: true }),
  'POST /v1/admin/jobs/{name}/run': by('admin', '/v1/admin/jobs/none/run'),
  'POST /v1/admin/integrity': by('admin', '/v1/admin/integrity?unknown=1'),
  'GET /v1/admin/integrity': by('admin', '/v1/admin/integrity'),
  'POST /v1/admin/backups': by('admin', '/v1/admin/backups?unknown=1'),
  'GET /v1/admin/backups': by('admin', '/v1/admin/backups'),
  'POST /v1/admin/erasures': by('admin', '/v1/admin/erasures', { user: 7 }),
  'GET /v1/admin/erasures': by('admin', '/v1/admin/erasures'),
  'GET /v1/admin/erasures/{id}': by('admin', '/v1/admin/erasures/none'),
  'GET /v1/admin/erasures/{id}/certificate': by('admin', '/v1/admin/erasures/none/certificate'),
  'GET /v1/admin/database': by('admin', '/v1/admin/database'),
  'POST /v1/admin/quarantines': by('admin', '/v1/admin/quarantines', { reason: 7 }),
  'GET /v1/admin/quarantines': by('admin', '/v1/admin/quarantines'),
  'GET /v1/admin/quarantines/{id}': by('admin', '/v1/admin/quarantines/none'),
  'DELETE /v1/admin/quarantines/{id}': by('admin', '/v1/admin/quarantines/none'),
  'GET /v1/admin/quarantines/{id}/contexts': by('admin', '/v1/admin/quarantines/none/contexts'),
  'POST /v1/admin/keys': by('admin', '/v1/admin/keys', { name: 'x', role: 'nonsense' }),
  'GET /v1/admin/keys': by('admin', '/v1/admin/keys'),
  'GET /v1/admin/keys/{id}': by('admin', '/v1/admin/keys/none'),
  'DELETE /v1/admin/keys/{id}': by('admin', '/v1/admin/keys/none'),
  'POST /v1/admin/keys/{id}/rotate': by('admin', '/v1/admin/keys/none/rotate'),
};

const READING = [
  'POST /v1/memories/batch',
  'POST /v1/memories/search',
  'POST /v1/documents/search',
  'POST /v1/audit/verify',
];
const isRead = (route: string): boolean => route.startsWith('GET ') || READING.includes(route);

/** The statuses that a role may get for somebody's thing; `undefined`: any but that it has no right. */
function refusal(route: string, { needs }: Plan, role: Role, target: Target): number[] | undefined {
  const reads = isRead(route) && route !== 'POST /v1/memories/batch';
  if (needs === 'anybody') return undefined;
  if (role === 'nobody' || role === 'forger') return [401];
  if (role === 'operator') return undefined;
  if (role === 'auditor') return reads ? undefined : [403];
  if (needs === 'filtered' || needs === 'signal') return undefined;
  if (needs === 'documents') return reads ? undefined : [403];
  if (needs !== 'own') return [403];
  if (KNOWS[role].includes(target)) return undefined;
  // What it was not told of is not there; where it named the owner itself, it hears that it may not.
  if (/^POST \/v1\/(tasks|agents)$/.test(route)) return [409];
  return reads || /\{id\}|context/.test(route) || route === 'POST /v1/memories/publish' ? [404] : [403];
}

describe('T1 R-A7 Who may do what', () => {
  let server: KeyedServer;
  let keys: Record<Role, string | undefined>;
  const whos = {} as Record<Target, Who>;
  let routes: string[];

  const send = (role: Role, route: string, { path, body }: Request) => {
    const method = route.slice(0, route.indexOf(' '));
    const key = keys[role];
    const type = typeof body === 'string' ? 'application/x-ndjson' : 'application/json';
    return fetch(server.url + path, {
      method,
      headers: {
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'content-type': type }),
        // Nothing is at this version: whoever may write is told so, and nothing changes.
        ...(!isRead(route) && typeof body !== 'string' && { 'if-match': '"999"' }),
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  };
  const as = async (role: Role, method: string, path: string, body?: unknown) => {
    const response = await fetch(server.url + path, {
      method,
      headers: {
        authorization: `Bearer ${keys[role]}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Answer };
  };

  /** What consolidation has found among the memories of somebody. */
  const conflictOf = async (user: string): Promise<string> => {
    const asked = { namespace_prefix: `user:${user}`, strategy: 'manual' };
    const { body: operation } = await as('operator', 'POST', '/v1/memories/consolidate', asked);
    await ended(server, operation['id'] as string, { authorization: `Bearer ${server.operator}` });
    const { body } = await as('operator', 'GET', `/v1/memories/conflicts?namespace_prefix=user:${user}&kind=same_key`);
    return (body['items'] as Answer[]).find(({ members }) => (members as Answer[])[0]!['key'] === 'clash')![
      'id'
    ] as string;
  };

  beforeAll(async () => {
    server = await startKeyedServer({ ABATHUR_EXTRACTION: 'off', ABATHUR_RATE_LIMIT: '100000' });
    const projects = { menu: 'read' as const };
    keys = {
      operator: server.operator,
      agent: await server.key({ name: 'a', role: 'agent', app: 'cafe', users: ['alice'], projects }),
      service: await server.key({ name: 's', role: 'service', app: 'cafe', users: ['alice', 'bob'], projects }),
      stranger: await server.key({ name: 'm', role: 'agent', app: 'bank', users: ['mallory'] }),
      auditor: await server.key({ name: 'u', role: 'auditor' }),
      nobody: undefined,
      forger: `${server.operator.slice(0, -9)}_00000000`,
    };
    for (const [target, { user, app, session, canary }] of Object.entries(TARGETS)) {
      const ns = `user:${user}:notes`;
      const ids = { context: `c-${user}`, task: `t-${user}`, agent: `g-${user}`, conflict: `x-${user}` };
      whos[target as Target] = { ...TARGETS[target as Target], ns, search: 'made-up', ...ids };
      if (target === 'missing') continue;
      const made = { session_id: session, app_name: app, user_id: user, initial_state: { topic: canary } };
      expect((await as('operator', 'POST', '/v1/sessions', made)).status).toBe(201);
      await as('operator', 'PUT', `/v1/memories/app:${app}:notes/note`, { value: { text: 'a secret note of all' } });
      for (const namespace of [ns, `session:${session}:notes`])
        await as('operator', 'PUT', `/v1/memories/${namespace}/note`, { value: { text: `a secret note ${canary}` } });
      for (const [namespace, text] of [
        [ns, `green ${canary}`],
        [`session:${session}:notes`, `black ${canary}`],
      ])
        await as('operator', 'PUT', `/v1/memories/${namespace}/clash`, { value: { text } });
      const task = { task_id: ids.task, session_id: session, prompt: canary, agent_type: 'y' };
      expect((await as('operator', 'POST', '/v1/tasks', task)).status).toBe(201);
      await as('operator', 'PUT', `/v1/tasks/${ids.task}/state/k`, { value: canary });
      await as('operator', 'PUT', `/v1/tasks/${ids.task}/checkpoints/1`, { state: { canary } });
      const agent = { agent_id: ids.agent, session_id: session, name: canary, state: 'idle' };
      expect((await as('operator', 'POST', '/v1/agents', agent)).status).toBe(201);
      whos[target as Target].conflict = await conflictOf(user);
      const context = await as('operator', 'POST', '/v1/context', { session_id: session, query: 'secret note' });
      whos[target as Target].context = context.body['id'] as string;
      const found = await as('operator', 'POST', '/v1/memories/search', { query: canary });
      whos[target as Target].search = found.body['search_id'] as string;
    }
    await as('operator', 'POST', '/v1/tasks', { task_id: 't-1', prompt: 'CANARYMALLORY CANARYBOB', agent_type: 'y' });
    await as('operator', 'POST', '/v1/agents', { agent_id: 'g-1', name: 'CANARYMALLORY CANARYBOB', state: 'idle' });
    const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as { paths: Record<string, object> };
    routes = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );
  });
  afterAll(() => server.stop());

  it('T16 stands in one table with every route that there is, and in this spec', () => {
    const spelled = routes.map((route) => route.replace(/\{(\w+)\}/g, ':$1')).toSorted();
    const known = Object.keys(ROUTES).filter((route) => route.includes('/v1/') || route.includes('/health'));
    expect(known.toSorted()).toEqual(spelled);
    expect(Object.keys(PLANS).toSorted()).toEqual(routes.toSorted());
  });

  it('holds for every route, every role and everybody’s things, and shows no foreign byte', async () => {
    let cells = 0;
    const wrong: string[] = [];
    for (const [route, plan] of Object.entries(PLANS)) {
      const targets = 'ask' in plan ? (Object.keys(TARGETS) as Target[]) : (['own'] as const);
      for (const role of ROLES) {
        for (const target of targets) {
          if (route === 'GET /v1/audit/feed' && (role === 'auditor' || role === 'operator')) continue;
          const response = await send(role, route, 'ask' in plan ? plan.ask(whos[target]) : plan);
          const text = JSON.stringify([...response.headers]) + (await response.text());
          const expected = refusal(route, plan, role, target);
          const cell = `${role} ${route} of ${target}: ${response.status}`;
          cells += 1;
          const right = expected?.includes(response.status) ?? ![401, 403].includes(response.status);
          if (!right) wrong.push(`${cell}, not ${expected?.join() ?? 'let in'} ${text.slice(-200)}`);
          if (response.status >= 500) wrong.push(cell);
          for (const other of Object.keys(TARGETS) as Target[]) {
            const shown = text.includes(TARGETS[other].canary);
            if (shown && !KNOWS[role].includes(other)) wrong.push(`${cell} shows what is of ${other}`);
          }
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(cells).toBeGreaterThanOrEqual(500);
  });

  it('tells of what is not one’s own exactly what it tells of what is not there', async () => {
    const told = async (path: string, name: string) => {
      const { status, body } = await as('agent', 'GET', path);
      const { request_id: _, instance: __, ...problem } = body;
      return { status, problem: JSON.parse(JSON.stringify(problem).replaceAll(name, '…')) as unknown };
    };
    for (const [foreign, missing] of [
      ['s-bob', 's-nobody'],
      ['s-mallory', 's-none'],
    ] as const)
      for (const path of ['', '/events', '/state', '/state/topic'])
        expect(await told(`/v1/sessions/${foreign}${path}`, foreign)).toEqual(
          await told(`/v1/sessions/${missing}${path}`, missing),
        );
    for (const path of [
      'note',
      'note?version=1',
      'note?version=9',
      'note?as_of=1',
      'note/history',
      'note/diff?from=1&to=1',
      'note/why',
      'note/outcomes',
    ])
      expect(await told(`/v1/memories/user:bob:notes/${path}`, 'user:bob:notes')).toEqual(
        await told(`/v1/memories/user:alice:empty/${path}`, 'user:alice:empty'),
      );
    expect(await told(`/v1/context/${whos.foreign.context}`, whos.foreign.context)).toEqual(
      await told('/v1/context/none', 'none'),
    );
    // What is of no session is nobody's who is bound.
    for (const foreign of ['t-bob', 't-mallory', 't-1'])
      for (const path of ['', '?as_of=1', '/state', '/state/k', '/checkpoints', '/checkpoints/1'])
        expect(await told(`/v1/tasks/${foreign}${path}`, foreign)).toEqual(await told(`/v1/tasks/none${path}`, 'none'));
    for (const foreign of ['g-bob', 'g-mallory', 'g-1'])
      expect(await told(`/v1/agents/${foreign}`, foreign)).toEqual(await told('/v1/agents/none', 'none'));
    expect(await told(`/v1/memories/conflicts/${whos.sibling.conflict}`, whos.sibling.conflict)).toEqual(
      await told('/v1/memories/conflicts/none', 'none'),
    );
  });

  it('answers a change of what is not one’s own as one of what is not there', async () => {
    const told = async (method: string, path: string, body: object, name: string) => {
      const answer = await as('agent', method, path, body);
      const { request_id: _, instance: __, ...problem } = answer.body;
      return { status: answer.status, problem: JSON.parse(JSON.stringify(problem).replaceAll(name, '…')) as unknown };
    };
    const changes = (
      task: string,
      agent: string,
      conflict: string,
      session: string,
    ): [string, string, object, string][] => [
      ['PUT', `/v1/tasks/${task}/status`, { status: 'cancelled' }, task],
      ['PUT', `/v1/tasks/${task}/state/k`, { value: 1 }, task],
      ['PUT', `/v1/tasks/${task}/checkpoints/1`, { state: {} }, task],
      ['PUT', `/v1/agents/${agent}/state`, { state: 'idle' }, agent],
      ['PUT', '/v1/agents/g-alice/state', { state: 'idle', task_id: task }, task],
      ['POST', `/v1/memories/conflicts/${conflict}/resolve`, { strategy: 'merge' }, conflict],
      ['POST', '/v1/tasks', { ...work, session_id: session }, session],
      ['POST', '/v1/tasks', { ...work, parent_task_id: task }, task],
      ['POST', '/v1/tasks', { ...work, dependencies: ['t-alice', task] }, task],
      ['POST', '/v1/agents', { name: 'x', session_id: session }, session],
      ['POST', '/v1/agents', { name: 'x', session_id: 's-alice', task_id: task }, task],
      ['POST', '/v1/context', { session_id: 's-alice', task_id: task }, task],
      ['PUT', '/v1/memories/user:alice:notes/refers', { value: {}, task_id: task }, task],
    ];
    const work = { prompt: 'x', agent_type: 'y', session_id: 's-alice' };
    const missing = changes('t-none', 'g-none', 'x-none', 's-none');
    for (const who of [whos.sibling, whos.foreign]) {
      const foreign = changes(who.task, who.agent, who.conflict, who.session);
      for (const [index, change] of foreign.entries()) {
        const answer = await told(...change);
        expect([change, answer]).toEqual([change, await told(...missing[index]!)]);
        expect([404, 409]).toContain(answer.status);
      }
    }
  });

  it('fills pages and counts with what one may see, and nothing else', async () => {
    const { body } = await as('agent', 'GET', '/v1/memories?limit=3');
    expect(body['items']).toHaveLength(3);
    const { body: counts } = await as('agent', 'GET', '/v1/namespaces?limit=1000');
    const names = (counts['items'] as { namespace: string }[]).map(({ namespace }) => namespace).toSorted();
    expect(names).toEqual(['app:cafe:notes', 'session:s-alice:notes', 'user:alice:notes']);
    const { body: page } = await as('service', 'GET', '/v1/tasks?limit=1');
    expect(page['items']).toHaveLength(1);
    const listed = async (role: Role, path: string, id: string) =>
      ((await as(role, 'GET', path)).body['items'] as Answer[]).map((item) => item[id] as string).toSorted();
    expect(await listed('agent', '/v1/tasks', 'task_id')).toEqual(['t-alice']);
    expect(await listed('service', '/v1/tasks', 'task_id')).toEqual(['t-alice', 't-bob']);
    expect(await listed('stranger', '/v1/tasks?status=pending', 'task_id')).toEqual(['t-mallory']);
    expect(await listed('agent', '/v1/tasks?session_id=s-bob', 'task_id')).toEqual([]);
    expect(await listed('agent', '/v1/agents', 'agent_id')).toEqual(['g-alice']);
    expect(await listed('service', '/v1/agents', 'agent_id')).toEqual(['g-alice', 'g-bob']);
    const { body: sessions } = await as('service', 'GET', '/v1/sessions');
    expect((sessions['items'] as { session_id: string }[]).map(({ session_id }) => session_id).toSorted()).toEqual([
      's-alice',
      's-bob',
    ]);
  });

  it('takes tasks and agents only in a session, and says so', async () => {
    for (const role of ['agent', 'service'] as const) {
      for (const [path, body] of [
        ['/v1/tasks', { prompt: 'x', agent_type: 'y' }],
        ['/v1/agents', { name: 'x' }],
      ] as const) {
        const { status, body: problem } = await as(role, 'POST', path, body);
        expect([status, problem['code'], problem['hint']]).toEqual([
          403,
          'session-needed',
          'Name one of your own in session_id.',
        ]);
      }
    }
  });

  it('lets a task go by and be remembered only where its submitter may read and write', async () => {
    const submit = (more: object) =>
      as('agent', 'POST', '/v1/tasks', { prompt: 'x', agent_type: 'y', session_id: 's-alice', ...more });
    const procedure = (namespace: string) => ({ procedure: { namespace, key: 'note', version: 1 } });
    const [foreign, missing] = [await submit(procedure('user:bob:notes')), await submit(procedure('user:alice:none'))];
    expect([foreign.status, foreign.body['code']]).toEqual([409, 'unknown-procedure']);
    expect(String(foreign.body['detail']).replace('user:bob:notes', '…')).toBe(
      String(missing.body['detail']).replace('user:alice:none', '…'),
    );
    expect((await submit({ outcome_namespace: 'user:bob:outcomes' })).status).toBe(403);
    expect((await submit({ outcome_namespace: 'app:cafe:outcomes' })).status).toBe(403);
    const ending = { status: 'completed', ...procedure('user:bob:notes') };
    expect((await as('agent', 'PUT', '/v1/tasks/t-alice/status', ending)).body['code']).toBe('unknown-procedure');
  });

  it('tells of a task’s or agent’s id that is taken as of one’s own, whatever is expected of it', async () => {
    const taken = async (path: string, body: object, id: string) => {
      const response = await fetch(server.url + path, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${keys.agent}`,
          'content-type': 'application/json',
          ...(id.endsWith('bob') && { 'if-match': '"7"' }),
        },
        body: JSON.stringify(body),
      });
      const { code, detail } = (await response.json()) as Answer;
      return [response.status, code, String(detail).replace(id, '…')];
    };
    const work = { prompt: 'x', agent_type: 'y', session_id: 's-alice' };
    for (const [path, kind, body] of [
      ['/v1/tasks', 't', (id: string) => ({ ...work, task_id: id })],
      ['/v1/agents', 'g', (id: string) => ({ name: 'x', session_id: 's-alice', agent_id: id })],
    ] as const)
      expect(await taken(path, body(`${kind}-bob`), `${kind}-bob`)).toEqual(
        await taken(path, body(`${kind}-alice`), `${kind}-alice`),
      );
  });

  it('leaves out of one’s own tasks, agents and contexts what others put there of theirs', async () => {
    const task = { prompt: 'x', agent_type: 'none', session_id: 's-alice', task_id: 't-linked' };
    const linked = { parent_task_id: 't-bob', dependencies: ['t-bob', 't-alice'], outcome_namespace: 'user:bob:x' };
    const procedure = { namespace: 'user:bob:notes', key: 'note', version: 1 };
    expect((await as('service', 'POST', '/v1/tasks', { ...task, ...linked, procedure })).status).toBe(201);
    const hidden = { parent_task_id: null, dependencies: ['t-alice'], outcome_namespace: null, procedure: null };
    expect((await as('agent', 'GET', '/v1/tasks/t-linked')).body).toMatchObject(hidden);
    expect((await as('service', 'GET', '/v1/tasks/t-linked')).body).toMatchObject({ ...linked, procedure });
    await as('service', 'PUT', '/v1/agents/g-alice/state', { state: 'working', task_id: 't-bob' });
    expect((await as('agent', 'GET', '/v1/agents/g-alice')).body).toMatchObject({ task_id: null });
    for (const path of ['/v1/tasks?parent_task_id=t-bob', '/v1/agents?task_id=t-bob']) {
      expect((await as('service', 'GET', path)).body['items']).toHaveLength(1);
      expect((await as('agent', 'GET', path)).body['items']).toEqual([]);
    }
    const { body: context } = await as('service', 'POST', '/v1/context', { session_id: 's-alice', task_id: 't-bob' });
    expect((await as('agent', 'GET', `/v1/context/${context['id']}`)).status).toBe(404);
    // What was looked for is what the task says.
    const contexts = async (role: Role) =>
      ((await as(role, 'GET', '/v1/context?session_id=s-alice')).body['items'] as Answer[]).map(
        ({ query }) => query as string,
      );
    expect(await contexts('service')).toContain('CANARYBOB');
    expect(await contexts('agent')).not.toContain('CANARYBOB');
  });

  it('explains a shared memory by what the reader sees, and follows nothing through what he does not', async () => {
    const note = { namespace: 'app:cafe:why', key: 'note' };
    const url = `/v1/memories/${note.namespace}/${note.key}`;
    const value = { text: 'shared' };
    const said = { value, session_id: 's-bob', task_id: 't-bob' };
    expect((await as('service', 'PUT', url, said)).status).toBe(201);
    for (const to of ['user:alice:copies', 'user:bob:copies'])
      await as('service', 'POST', '/v1/memories/publish', {
        from_namespace: note.namespace,
        to_namespace: to,
        key: note.key,
      });
    await as('service', 'POST', '/v1/memories/publish', {
      from_namespace: 'user:bob:copies',
      to_namespace: 'app:cafe:again',
      key: note.key,
    });
    const streams = async (role: Role) => {
      const { body } = await as(role, 'GET', `${url}/why`);
      return [body['came_from'], body['led_to']].map((links) =>
        (links as { stream: string }[]).map(({ stream }) => stream),
      );
    };
    expect(await streams('service')).toEqual([
      ['session:s-bob', 'task:t-bob'],
      ['memory:user%3Aalice%3Acopies:note', 'memory:user%3Abob%3Acopies:note', 'memory:app%3Acafe%3Aagain:note'],
    ]);
    expect(await streams('agent')).toEqual([[], ['memory:user%3Aalice%3Acopies:note']]);
    const { body } = await as('agent', 'GET', `${url}/why`);
    expect(body['events']).toMatchObject([{ session_id: null, task_id: null, operation: null, causation_id: null }]);
    expect(JSON.stringify(body)).not.toContain('bob');
    const { body: whole } = await as('auditor', 'GET', `${url}/why`);
    expect(whole['events']).toMatchObject([{ session_id: 's-bob', task_id: 't-bob', operation: expect.any(String) }]);
  });

  it('counts outcomes of tasks that one sees, and rolls back what one may write', async () => {
    const url = '/v1/memories/app:cafe:how/brew';
    await as('service', 'PUT', url, { value: { text: 'slowly' }, memory_type: 'procedural' });
    const procedure = { namespace: 'app:cafe:how', key: 'brew', version: 1 };
    for (const session_id of ['s-alice', 's-bob']) {
      const task = { prompt: 'x', agent_type: 'brewer', session_id, procedure };
      const { body } = await as('service', 'POST', '/v1/tasks', task);
      for (const status of ['running', 'completed'])
        await as('service', 'PUT', `/v1/tasks/${body['task_id']}/status`, { status });
    }
    const versions = async (role: Role) => (await as(role, 'GET', `${url}/outcomes`)).body['versions'] as unknown;
    expect(await versions('agent')).toMatchObject([{ version: 1, completed: 1 }]);
    expect(await versions('service')).toMatchObject([{ version: 1, completed: 2 }]);
    expect((await as('agent', 'POST', `${url}/rollback`, { dry_run: true })).status).toBe(403);
    expect((await as('service', 'POST', `${url}/rollback`, { dry_run: true })).body['versions']).toEqual(
      await versions('service'),
    );
  });

  it('shows a conflict to who sees all of it, and has it settled by who may write all of it', async () => {
    const ids = async (role: Role) =>
      ((await as(role, 'GET', '/v1/memories/conflicts?limit=1000')).body['items'] as Answer[])
        .flatMap(({ members }) => (members as Answer[]).map(({ namespace }) => namespace as string))
        .filter((namespace) => namespace.startsWith('user:'));
    expect(new Set(await ids('agent'))).toEqual(new Set(['user:alice:notes']));
    expect(new Set(await ids('service'))).toEqual(new Set(['user:alice:notes', 'user:bob:notes']));
    const { body: page } = await as('agent', 'GET', '/v1/memories/conflicts?limit=1&kind=same_key');
    expect(page['items']).toHaveLength(1);
    // A memory of the app is in the other one: an agent reads it, a service writes it.
    const { body: all } = await as('agent', 'GET', '/v1/memories/conflicts?kind=same_key&limit=1000');
    const { id } = (all['items'] as Answer[]).find((one) => one['id'] !== whos.own.conflict)!;
    const keep = { strategy: 'keep_all' };
    expect((await as('agent', 'POST', `/v1/memories/conflicts/${id}/resolve`, keep)).status).toBe(403);
    expect((await as('service', 'POST', `/v1/memories/conflicts/${id}/resolve`, keep)).status).toBe(200);
    const resolve = `/v1/memories/conflicts/${whos.own.conflict}/resolve`;
    expect((await as('auditor', 'POST', resolve, { strategy: 'last_write_wins' })).status).toBe(403);
    const { status, body } = await as('agent', 'POST', resolve, { strategy: 'last_write_wins' });
    expect([status, body['status']]).toEqual([200, 'resolved']);
  });

  it('is asked of each part of a batch and of each line of an import', async () => {
    const operations = [
      { op: 'put', namespace: 'user:alice:batch', key: 'a', value: {} },
      { op: 'put', namespace: 'user:bob:batch', key: 'b', value: {} },
    ];
    expect(await as('agent', 'POST', '/v1/memories/batch', { operations })).toMatchObject({ status: 403 });
    expect(await as('agent', 'GET', '/v1/memories/user:alice:batch/a')).toMatchObject({ status: 404 });
    const get = [{ op: 'get', namespace: 'user:bob:notes', key: 'note' }];
    expect((await as('agent', 'POST', '/v1/memories/batch', { operations: get })).body).toMatchObject({
      results: [null],
    });
    const lines = ['user:alice:import', 'user:bob:import'].map((namespace) =>
      JSON.stringify({ namespace, key: 'k', value: {} }),
    );
    const refused = await fetch(`${server.url}/v1/memories/import`, {
      method: 'POST',
      headers: { authorization: `Bearer ${keys.agent}`, 'content-type': 'application/x-ndjson' },
      body: lines.join('\n'),
    });
    expect([refused.status, ((await refused.json()) as { detail: string }).detail]).toEqual([
      403,
      expect.stringMatching(/^line 2: /),
    ]);
    expect(await as('operator', 'GET', '/v1/memories/user:bob:import/k')).toMatchObject({ status: 404 });
  });

  it('lets an app be read by all of it and written by a service, and a project be written by its writers', async () => {
    const put = (role: Role, ns: string) => as(role, 'PUT', `/v1/memories/${ns}/rule`, { value: { text: 'x' } });
    expect((await put('agent', 'app:cafe:rules')).status).toBe(403);
    expect((await put('service', 'app:cafe:rules')).status).toBe(201);
    expect((await put('service', 'app:bank:rules')).status).toBe(403);
    expect((await as('agent', 'GET', '/v1/memories/app:cafe:rules/rule')).status).toBe(200);
    expect((await put('agent', 'project:menu:x')).status).toBe(403);
    expect((await put('agent', 'project:vault:x')).status).toBe(403);
    const state = (role: Role, key: string) => as(role, 'PUT', `/v1/sessions/s-alice/state/${key}`, { value: 'x' });
    expect((await state('agent', 'app:theme')).status).toBe(403);
    expect((await state('service', 'app:theme')).status).toBe(200);
    const delta = { event_type: 'message', actor: 'user', content: {}, state_delta: { 'app:theme': 'y' } };
    expect((await as('agent', 'POST', '/v1/sessions/s-alice/events', delta)).status).toBe(403);
    expect((await as('agent', 'POST', '/v1/sessions/s-alice/events/batch', { events: [delta] })).status).toBe(403);
    const opened = { app_name: 'cafe', user_id: 'alice', initial_state: { 'app:theme': 'z' } };
    expect((await as('agent', 'POST', '/v1/sessions', opened)).status).toBe(403);
    expect(
      (await as('agent', 'POST', '/v1/sessions', { ...opened, initial_state: {}, project_id: 'vault' })).status,
    ).toBe(403);
  });

  it('T4 takes nobody’s word for who they are: the key is in the log, and what they say of themselves beside it', async () => {
    const written = await as('agent', 'PUT', '/v1/memories/user:alice:notes/said', {
      value: {},
      updated_by: 'agent:barista',
    });
    expect(written.body['created_by']).toMatch(/^agent:barista@key:[0-9a-z]{8}$/);
    const said = { event_type: 'message', actor: 'agent:barista', content: {} };
    await as('agent', 'POST', '/v1/sessions/s-alice/events', said);
    const { body } = await as('agent', 'GET', '/v1/sessions/s-alice/events?actor=agent:barista');
    expect(body['items']).toMatchObject([{ actor: 'agent:barista' }]);
    const { body: log } = await as('auditor', 'GET', '/v1/audit/events?order=desc&limit=1');
    expect(log['items'][0]).toMatchObject({
      agent_id: 'barista',
      actor: expect.stringMatching(/^agent:barista@key:[0-9a-z]{8}$/),
    });
  });

  it('refers to no session or task of somebody else', async () => {
    const put = (more: object) => as('agent', 'PUT', '/v1/memories/user:alice:notes/refers', { value: {}, ...more });
    const [foreign, missing] = [await put({ session_id: 's-bob' }), await put({ session_id: 's-none' })];
    expect([foreign.status, foreign.body['code']]).toEqual([409, 'unknown-session']);
    expect(missing.body['code']).toBe('unknown-session');
    expect((await put({ task_id: 't-1' })).body['code']).toBe('unknown-task');
    expect((await put({ session_id: 's-alice' })).status).toBe(201);
  });

  it('hides from an app’s readers what a memory of it was made of', async () => {
    const from = { from_namespace: 'session:s-bob:notes', to_namespace: 'app:cafe:published', key: 'note' };
    expect((await as('service', 'POST', '/v1/memories/publish', from)).status).toBe(201);
    const { body } = await as('agent', 'GET', '/v1/memories/app:cafe:published/note');
    expect(body['published_from']).toBeNull();
    const { body: whole } = await as('auditor', 'GET', '/v1/memories/app:cafe:published/note');
    expect(whole['published_from']).toMatchObject({ namespace: 'session:s-bob:notes' });
  });

  it('hides from an app’s readers in whose session it was written, and nothing of what somebody wrote', async () => {
    const url = '/v1/memories/app:cafe:written/note';
    const value = { session_id: 's-bob', published_from: { namespace: 'user:x' }, consolidated_into: 7 };
    expect((await as('service', 'PUT', url, { value, session_id: 's-bob' })).status).toBe(201);
    expect((await as('agent', 'GET', url)).body).toMatchObject({ value, session_id: null, task_id: null });
    expect((await as('service', 'GET', url)).body).toMatchObject({ value, session_id: 's-bob' });
    const mine = { value, session_id: 's-alice' };
    expect((await as('agent', 'PUT', '/v1/memories/user:alice:notes/w', mine)).body).toMatchObject(mine);
  });

  it('tells of a session id that is somebody else’s as of one’s own, and takes none that could name another’s memories', async () => {
    const open = async (session_id: string) => {
      const { status, body } = await as('agent', 'POST', '/v1/sessions', {
        session_id,
        app_name: 'cafe',
        user_id: 'alice',
      });
      return [status, body['code'], String(body['detail']).replaceAll(session_id, '…')];
    };
    expect(await open('s-mallory')).toEqual(await open('s-alice'));
    expect(await open('s-alice')).toEqual([409, 'session-exists', 'Session … exists already.']);
    expect(await open('s-alice:notes')).toEqual([400, 'invalid-request', 'session_id: holds a colon']);
    const forked = await as('agent', 'POST', '/v1/sessions/s-alice/fork', { session_id: 's-alice:notes' });
    expect([forked.status, forked.body['code']]).toEqual([400, 'invalid-request']);
  });

  it('R-A1 shows nobody but who looks into it what is in quarantine', async () => {
    for (const [method, path, body] of [
      ['GET', '/v1/memories?include_quarantined=true', undefined],
      ['GET', '/v1/memories/user:alice:notes/note?include_quarantined=true', undefined],
      ['POST', '/v1/memories/search', { query: 'x', include_quarantined: true }],
    ] as const) {
      expect((await as('agent', method, path, body)).status).toBe(403);
      expect((await as('operator', method, path, body)).status).toBe(200);
    }
  });

  it('T12 says with each answer how many requests the key has left', async () => {
    const answer = await send('agent', 'GET /v1/sessions', { path: '/v1/sessions' });
    expect(answer.headers.get('ratelimit-policy')).toBe('"key";q=100000;w=60');
    expect(answer.headers.get('ratelimit')).toMatch(/^"key";r=\d{5};t=\d+$/);
  });

  it('T14 keeps idempotency keys of two apart', async () => {
    const open = (role: Role, session_id: string, app_name: string, user_id: string) =>
      fetch(`${server.url}/v1/sessions`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${keys[role]}`,
          'content-type': 'application/json',
          'idempotency-key': 'the-same',
        },
        body: JSON.stringify({ session_id, app_name, user_id }),
      });
    expect((await open('agent', 'i-1', 'cafe', 'alice')).status).toBe(201);
    expect((await open('stranger', 'i-2', 'bank', 'mallory')).status).toBe(201);
    expect((await open('agent', 'i-1', 'cafe', 'alice')).status).toBe(201);
  });
});
