import type { Visibility } from '#kernel';
import type { Bound, Principal, Right, Role } from './principal.js';

/** Something that rights are about, with whose it is. */
export type Scope =
  | { kind: 'session'; app: string; user: string; project: string | null }
  | { kind: 'user'; user: string }
  | { kind: 'app'; app: string }
  | { kind: 'project'; project: string }
  | { kind: 'documents' | 'tasks' | 'audit' | 'admin' };

export type Verdict = { allowed: true } | { allowed: false; reason: string };

type Rule = (who: Bound, scope: never) => boolean;

// A service may act for thousands, and is asked for one of them at each request.
const users = new WeakMap<Bound, Set<string>>();
function usersOf(who: Bound): Set<string> {
  let named = users.get(who);
  if (named === undefined) users.set(who, (named = new Set(who.users)));
  return named;
}

const always: Rule = () => true;
const never: Rule = () => false;
const sameSession = (who: Bound, scope: Extract<Scope, { kind: 'session' }>): boolean =>
  scope.app === who.app &&
  usersOf(who).has(scope.user) &&
  (scope.project === null || Object.hasOwn(who.projects, scope.project));
const sameUser = (who: Bound, { user }: { user: string }): boolean => usersOf(who).has(user);
const sameApp = (who: Bound, { app }: { app: string }): boolean => who.app === app;
const member = ({ projects }: Bound, { project }: { project: string }): boolean => Object.hasOwn(projects, project);
const writer = ({ projects }: Bound, { project }: { project: string }): boolean =>
  Object.hasOwn(projects, project) && projects[project] === 'write';

/**
 * Who may do what, all of it. An operator may do everything; an auditor may read everything. A task or agent is its
 * session's; of no session (`tasks`) it is for those two alone: among tenants nobody could say whose it is.
 */
const RULES: Record<Scope['kind'], Record<'agent' | 'service', Record<Right, Rule>>> = {
  session: { agent: { read: sameSession, write: sameSession }, service: { read: sameSession, write: sameSession } },
  user: { agent: { read: sameUser, write: sameUser }, service: { read: sameUser, write: sameUser } },
  app: { agent: { read: sameApp, write: never }, service: { read: sameApp, write: sameApp } },
  project: { agent: { read: member, write: writer }, service: { read: member, write: writer } },
  documents: { agent: { read: always, write: never }, service: { read: always, write: never } },
  tasks: { agent: { read: never, write: never }, service: { read: never, write: never } },
  audit: { agent: { read: never, write: never }, service: { read: never, write: never } },
  admin: { agent: { read: never, write: never }, service: { read: never, write: never } },
};

/** Whether somebody may do something to a thing; pure. */
export function judge(who: Principal, right: Right, scope: Scope): Verdict {
  if (who.role === 'operator') return ALLOWED;
  if (who.role === 'auditor') return right === 'read' ? ALLOWED : refused(who.role, right, scope);
  const rule = RULES[scope.kind][who.role][right];
  return rule(who, scope as never) ? ALLOWED : refused(who.role, right, scope);
}

/** What somebody sees in lists and searches: the same rules, for a condition in SQL; `undefined` is everything. */
export function visibleTo(who: Principal): Visibility | undefined {
  if (who.role === 'operator' || who.role === 'auditor') return undefined;
  return { app: who.app, users: who.users, projects: Object.keys(who.projects) };
}

const ALLOWED: Verdict = { allowed: true };

// The reason names the role and the kind alone: whose a thing is would already tell that it is there.
const refused = (role: Role, right: Right, { kind }: Scope): Verdict => ({
  allowed: false,
  reason: `The ${role} key has no right to ${right} this (${kind}).`,
});
