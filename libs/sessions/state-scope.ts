import { streamName, type Json } from '#kernel';
import type { Owners, StateDelta } from './session.events.js';

/** Scopes of state keys, in the order in which a bare name is looked up. */
export const STATE_SCOPES = ['temp', 'session', 'user', 'app', 'project'] as const;
export type StateScope = (typeof STATE_SCOPES)[number];
export type SharedScope = 'user' | 'app' | 'project';

/** The scope that a key's prefix names; a key without a known prefix belongs to the session. */
export function scopeOf(key: string): StateScope {
  const prefix = key.slice(0, Math.max(0, key.indexOf(':')));
  return STATE_SCOPES.find((scope) => scope === prefix) ?? 'session';
}

export const isShared = (scope: StateScope): scope is SharedScope =>
  scope === 'user' || scope === 'app' || scope === 'project';

/** Keys under which a bare name may be found, best first: temp, session, user, app, project. */
export const candidates = (name: string): string[] => [
  `temp:${name}`,
  `session:${name}`,
  name,
  `user:${name}`,
  `app:${name}`,
  `project:${name}`,
];

/** A delta without its `temp:` keys, which live for one turn and are never stored. */
export function lasting(delta: StateDelta): StateDelta {
  return pick(delta, (key) => scopeOf(key) !== 'temp');
}

export function temporary(delta: StateDelta): StateDelta {
  return pick(delta, (key) => scopeOf(key) === 'temp');
}

/** Whose state each shared scope is: a user's within an app, an app's, a project's. */
export function ownersOf(session: { app_name: string; user_id: string; project_id: string | null }): Owners {
  const { app_name, user_id, project_id } = session;
  return {
    user: streamName('user', app_name, user_id),
    app: streamName('app', app_name),
    ...(project_id === null ? {} : { project: streamName('project', project_id) }),
  };
}

/** The owners that a delta needs. */
export function ownersFor(delta: StateDelta, owners: Owners): Owners {
  const used: Owners = {};
  for (const key of Object.keys(delta)) {
    const scope = scopeOf(key);
    if (isShared(scope)) used[scope] = owners[scope];
  }
  return used;
}

// Objects with names chosen by users have no prototype: `__proto__` is a name like any other.
function pick(delta: StateDelta, wanted: (key: string) => boolean): StateDelta {
  const picked = emptyState();
  for (const key of Object.keys(delta)) if (wanted(key)) picked[key] = delta[key]!;
  return picked;
}

export const emptyState = (): { [key: string]: Json } => Object.create(null) as { [key: string]: Json };
