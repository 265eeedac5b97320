import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { judge, visibleTo, type Bound, type Scope } from '#access';
import { decideStep, type Step } from '#audit-log';
import { reads } from '#assembly';
import type { Visibility } from '#kernel';
import { memory } from '#memories';
import { session } from '#sessions';
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

describe('T1, T2 What somebody sees', () => {
  let house: TestHouse;
  beforeAll(async () => {
    house = openTestHouse();
    const steps: Step[] = [
      ...sessions.map((about) => decideStep(session, { type: 'CreateSession', ...about, metadata: {}, state: {} })),
      ...namespaces.map((namespace) =>
        decideStep(memory, { type: 'WriteMemory', mode: 'put', namespace, key: 'k', value: { text: 'canary' } }),
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

  it('a cursor of one is refused to another, and whoever is bound to nothing sees all', () => {
    const [[, agent], , , [, service]] = PRINCIPALS as [[string, Bound], unknown, unknown, [string, Bound]];
    const { next_cursor: cursor } = read('memories.page', { visible: visibleTo(service), now, limit: 1 }) as {
      next_cursor: string;
    };
    expect(() => read('memories.page', { visible: visibleTo(agent), now, limit: 1, cursor })).toThrow(/cursor/);
    for (const [, ask] of ways) expect(places(ask(undefined))).toEqual([...namespaces].sort());
  });
});
