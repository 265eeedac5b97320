import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { judge, visibleTo, type Bound, type Scope } from '#access';
import { decideStep, type Step } from '#audit-log';
import { reads } from '#assembly';
import type { Visibility } from '#kernel';
import { conflict, memory } from '#memories';
import { session } from '#sessions';
import { agent, task } from '#work';
import { caller, catchUp, openTestHouse, type TestHouse } from '../support/house.js';

const APPS = ['shop', 'bank'];
const USERS = ['alice', 'alic', 'alice_x', 'Alice', 'al%', 'bob'];
const PROJECTS = [null, 'open', 'closed'];
const sessions = APPS.flatMap((app_name) =>
  USERS.flatMap((user_id) =>
    PROJECTS.map((project_id) => ({
      session_id: `${app_name}-${user_id}-${project_id}`,
      app_name,
      user_id,
      project_id,
    })),
  ),
);
const namespaces = [
  ...sessions.flatMap(({ session_id }) => [`session:${session_id}`, `session:${session_id}:notes`]),
  'session:nobody',
  ...USERS.flatMap((user) => [`user:${user}`, `user:${user}:travel`]),
  ...APPS.flatMap((app) => [`app:${app}`, `app:${app}:rules`, `app:${app}x`]),
  'project:open',
  'project:open:plan',
  'project:closed',
];

function scopeOf(namespace: string): Scope | undefined {
  const [kind, name] = namespace.split(':') as [string, string];
  if (kind === 'user') return { kind, user: name };
  if (kind === 'app') return { kind, app: name };
  if (kind === 'project') return { kind, project: name };
  const found = sessions.find(({ session_id }) => session_id === name);
  return found && { kind: 'session', app: found.app_name, user: found.user_id, project: found.project_id };
}

const PRINCIPALS: [string, Bound][] = [
  ['an agent', { role: 'agent', app: 'shop', users: ['alice'], projects: {} }],
  ['an agent in a project', { role: 'agent', app: 'shop', users: ['alice'], projects: { open: 'read' } }],
  ['an agent of the other app', { role: 'agent', app: 'bank', users: ['al%'], projects: {} }],
  ['a service', { role: 'service', app: 'bank', users: ['alice', 'bob'], projects: { open: 'write', closed: 'read' } }],
  ['somebody of no users', { role: 'service', app: 'shop', users: [], projects: {} }],
];

/** Of each session one task of each type and one agent, and one that is of none; the later, the more urgent. */
const owners: (string | null)[] = [null, ...sessions.map(({ session_id }) => session_id)];
const procedure = { namespace: 'app:shop', key: 'k', version: 1 };
const taskOf = (session_id: string | null, index: number) => ({
  task_id: `task-${session_id}`,
  session_id,
  prompt: 'canary',
  agent_type: index % 2 === 0 ? 'even' : 'odd',
  priority: 10 - Math.floor(index / 4),
  input_data: {},
  max_retries: 0,
  max_execution_timeout_seconds: 60,
  parent_task_id: null,
  dependencies: [],
  procedure,
  outcome_namespace: null,
});
const tasks = owners.map(taskOf);
const agentOf = (session_id: string | null) => ({
  agent_id: `agent-${session_id}`,
  session_id,
  name: 'canary',
  specialization: null,
  model: null,
  state: 'idle' as const,
  task_id: null,
  resource_usage: {},
});

describe('T1, T2 What somebody sees', () => {
  let house: TestHouse;
  beforeAll(async () => {
    house = openTestHouse();
    const steps: Step[] = [
      ...sessions.map((about) => decideStep(session, { type: 'CreateSession', ...about, metadata: {}, state: {} })),
      ...namespaces.map((namespace) =>
        decideStep(memory, { type: 'WriteMemory', mode: 'put', namespace, key: 'k', value: { text: 'canary' } }),
      ),
      ...tasks.map((about) => decideStep(task, { type: 'SubmitTask', ...about })),
      ...owners.map((session_id) => decideStep(agent, { type: 'RegisterAgent', ...agentOf(session_id) })),
      ...namespaces.map((namespace, index) =>
        decideStep(conflict, {
          type: 'ReportConflict',
          conflict_id: `conflict-${index}`,
          kind: 'same_key',
          namespace,
          members: [namespace, namespaces[(index + 1) % namespaces.length]!].map((member) => ({
            namespace: member,
            key: 'k',
            version: 1,
          })),
          reason: 'canary',
        }),
      ),
    ];
    await house.log.execute({ caller: caller(), steps });
    await catchUp(house);
  });
  afterAll(() => house.close());

  const now = new Date().toISOString();
  const read = (name: string, input: object): unknown => reads.get(name)!.run(house.db, input);
  const places = (found: unknown): string[] =>
    (found as { namespace: string }[]).map(({ namespace }) => namespace).sort();
  const ways: [string, (visible: Visibility | undefined, more?: object) => unknown][] = [
    ['a list', (visible) => (read('memories.page', { visible, now, limit: 1000 }) as { items: unknown }).items],
    [
      'namespaces',
      (visible) => (read('memories.namespaces', { visible, now, limit: 1000 }) as { items: unknown }).items,
    ],
    ['an export', (visible) => read('memories.export', { visible, now, after: 0, as_of: 1_000_000, limit: 1000 })],
    [
      'a search',
      (visible) =>
        (
          read('memories.search', {
            visible,
            now,
            query: 'canary',
            mode: 'keyword',
            fusion: 'weighted',
            weights: { meaning: 0.7, words: 0.3 },
            limit: 100,
            threshold: 0,
            explain: false,
          }) as { results: unknown }
        ).results,
    ],
  ];

  describe.each(PRINCIPALS)('%s', (_, who) => {
    const allowed = (namespace: string): boolean => {
      const scope = scopeOf(namespace);
      return scope !== undefined && judge(who, 'read', scope).allowed;
    };

    it.each(ways)('%s shows exactly what the table lets be read', (__, ask) => {
      expect(places(ask(visibleTo(who)))).toEqual(namespaces.filter(allowed).sort());
    });

    it('sessions are exactly those that the table lets be read', () => {
      const { items } = read('sessions.page', { visible: visibleTo(who), limit: 1000 }) as {
        items: { session_id: string }[];
      };
      expect(items.map(({ session_id }) => session_id).sort()).toEqual(
        sessions
          .map(({ session_id }) => session_id)
          .filter((id) => allowed(`session:${id}`))
          .sort(),
      );
    });

    const ofSession = (id: string | null): boolean => id !== null && allowed(`session:${id}`);
    const listed = (name: string): { session_id: string }[] =>
      (read(name, { visible: visibleTo(who), limit: 1000 }) as { items: { session_id: string }[] }).items;

    it.each(['tasks.page', 'agents.page'])('%s shows exactly what is of those sessions', (name) => {
      expect(
        listed(name)
          .map(({ session_id }) => session_id)
          .sort(),
      ).toEqual(owners.filter(ofSession).sort());
    });

    it('a claim is given the first of what is of those sessions, also of one type', () => {
      const order = tasks
        .map((about, index) => ({ ...about, index }))
        .filter(({ session_id }) => ofSession(session_id))
        .toSorted((a, b) => a.priority - b.priority || a.index - b.index);
      for (const agent_type of [undefined, 'even', 'odd', 'none']) {
        const next = read('tasks.next', { agent_id: 'a', agent_type, visible: visibleTo(who) });
        const first = order.find((one) => agent_type === undefined || one.agent_type === agent_type);
        expect((next as { task_id: string } | null)?.task_id).toBe(first?.task_id);
      }
    });

    it('outcomes count what is of those sessions', () => {
      const { namespace, key } = procedure;
      const counted = read('tasks.procedure-outcomes', { namespace, key, visible: visibleTo(who) }) as unknown[];
      expect(counted).toHaveLength(owners.some(ofSession) ? 1 : 0);
    });

    it('conflicts are exactly those of which all is seen', () => {
      const shown = (read('conflicts.page', { visible: visibleTo(who), limit: 1000 }) as { items: { id: string }[] })
        .items;
      const next = (index: number): string => namespaces[(index + 1) % namespaces.length]!;
      expect(shown.map(({ id }) => id).sort()).toEqual(
        namespaces
          .flatMap((namespace, index) => (allowed(namespace) && allowed(next(index)) ? [`conflict-${index}`] : []))
          .sort(),
      );
    });

    it('pages are full: the condition is part of the question', () => {
      const sizes: number[] = [];
      let cursor: string | null | undefined;
      do {
        const page = read('memories.page', { visible: visibleTo(who), now, limit: 2, cursor: cursor ?? undefined }) as {
          items: unknown[];
          next_cursor: string | null;
        };
        sizes.push(page.items.length);
        cursor = page.next_cursor;
      } while (cursor !== null);
      expect(sizes.slice(0, -1).every((size) => size === 2)).toBe(true);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(namespaces.filter(allowed).length);
    });
  });

  it('a claim is given the first of its own also behind a long queue of others', async () => {
    const [, who] = PRINCIPALS[1]!;
    const claimed = (): string | undefined =>
      (read('tasks.next', { agent_id: 'a', agent_type: 'even', visible: visibleTo(who) }) as { task_id: string } | null)
        ?.task_id;
    const before = claimed();
    expect(before).toBeDefined();
    const queue = Array.from({ length: 1_500 }, (_, n) => ({
      ...taskOf('bank-bob-null', 0),
      task_id: `queued-${n}`,
      priority: 1,
    }));
    await house.log.execute({
      caller: caller(),
      steps: queue.map((about) => decideStep(task, { type: 'SubmitTask', ...about })),
    });
    expect(claimed()).toBe(before);
    expect(
      read('tasks.next', { agent_id: 'a', agent_type: 'none', visible: visibleTo(who) }) as object | null,
    ).toBeNull();
  });

  it('a cursor of one is refused to another, and whoever is bound to nothing sees all', () => {
    const [[, alone], , , [, service]] = PRINCIPALS as [[string, Bound], unknown, unknown, [string, Bound]];
    const { next_cursor: cursor } = read('memories.page', { visible: visibleTo(service), now, limit: 1 }) as {
      next_cursor: string;
    };
    expect(() => read('memories.page', { visible: visibleTo(alone), now, limit: 1, cursor })).toThrow(/cursor/);
    for (const [, ask] of ways) expect(places(ask(undefined))).toEqual([...namespaces].sort());
  });
});
