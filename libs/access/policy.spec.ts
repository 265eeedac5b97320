import { describe, expect, it } from '@jest/globals';
import { judge, visibleTo, type Scope } from './policy.js';
import { type Principal, type Right } from './principal.js';

const bound = { app: 'shop', users: ['alice'], projects: { open: 'read', own: 'write' } } as const;
const who: Record<string, Principal> = {
  agent: { role: 'agent', ...bound, users: ['alice'] },
  service: { role: 'service', ...bound, users: ['alice', 'bob'] },
  auditor: { role: 'auditor' },
  operator: { role: 'operator' },
};
const session = { kind: 'session', app: 'shop', user: 'alice', project: null } as const;
const scopes: Record<string, Scope> = {
  'own session': session,
  'own session in a project': { ...session, project: 'open' },
  "session in others' project": { ...session, project: 'closed' },
  "sibling's session": { ...session, user: 'bob' },
  "other app's session": { ...session, app: 'bank' },
  user: { kind: 'user', user: 'alice' },
  sibling: { kind: 'user', user: 'bob' },
  stranger: { kind: 'user', user: 'mallory' },
  'user alike': { kind: 'user', user: 'alic' },
  'user in capitals': { kind: 'user', user: 'Alice' },
  app: { kind: 'app', app: 'shop' },
  'other app': { kind: 'app', app: 'bank' },
  'project to read': { kind: 'project', project: 'open' },
  'project to write': { kind: 'project', project: 'own' },
  "others' project": { kind: 'project', project: 'closed' },
  'project by a name of objects': { kind: 'project', project: 'constructor' },
  documents: { kind: 'documents' },
  'task or agent of no session': { kind: 'tasks' },
  audit: { kind: 'audit' },
  admin: { kind: 'admin' },
};

/** What agent and service may; an auditor reads all of it, an operator may everything. */
const RIGHTS: [string, string, string][] = [
  ['own session', 'rw', 'rw'],
  ['own session in a project', 'rw', 'rw'],
  ["session in others' project", '', ''],
  ["sibling's session", '', 'rw'],
  ["other app's session", '', ''],
  ['user', 'rw', 'rw'],
  ['sibling', '', 'rw'],
  ['stranger', '', ''],
  ['user alike', '', ''],
  ['user in capitals', '', ''],
  ['app', 'r', 'rw'],
  ['other app', '', ''],
  ['project to read', 'r', 'r'],
  ['project to write', 'rw', 'rw'],
  ["others' project", '', ''],
  ['project by a name of objects', '', ''],
  ['documents', 'r', 'r'],
  ['task or agent of no session', '', ''],
  ['audit', '', ''],
  ['admin', '', ''],
];

const rightsOf = (name: string, scope: Scope): string =>
  (['read', 'write'] as Right[])
    .filter((right) => judge(who[name]!, right, scope).allowed)
    .map((right) => right[0])
    .join('');

describe('The table of rights', () => {
  it('has a line for each scope', () => {
    expect(RIGHTS.map(([scope]) => scope)).toEqual(Object.keys(scopes));
  });

  it.each(RIGHTS)('of %s: an agent "%s", a service "%s"', (scope, agent, service) => {
    expect(rightsOf('agent', scopes[scope]!)).toBe(agent);
    expect(rightsOf('service', scopes[scope]!)).toBe(service);
    expect(rightsOf('auditor', scopes[scope]!)).toBe('r');
    expect(rightsOf('operator', scopes[scope]!)).toBe('rw');
  });

  it('tells the refused nothing of whose it is', () => {
    const verdict = judge(who['agent']!, 'read', { kind: 'session', app: 'bank', user: 'carol', project: 'vault' });
    expect(verdict).toEqual({ allowed: false, reason: expect.not.stringMatching(/bank|carol|vault/) });
  });

  it('shows in lists what it lets be read', () => {
    expect(visibleTo(who['service']!)).toEqual({ app: 'shop', users: ['alice', 'bob'], projects: ['open', 'own'] });
    expect(visibleTo(who['auditor']!)).toBeUndefined();
    expect(visibleTo(who['operator']!)).toBeUndefined();
  });
});
