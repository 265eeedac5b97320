import { describe, expect, it } from '@jest/globals';
import { candidates, isShared, lasting, ownersFor, ownersOf, scopeOf, STATE_SCOPES, temporary } from './state-scope.js';

describe('The scope of a state key', () => {
  it.each([
    ['temp:step', 'temp'],
    ['session:step', 'session'],
    ['user:step', 'user'],
    ['app:step', 'app'],
    ['project:step', 'project'],
    ['step', 'session'],
    ['', 'session'],
    [':step', 'session'],
    ['users:step', 'session'],
    ['USER:step', 'session'],
    ['other:user:step', 'session'],
    ['user', 'session'],
    ['user:', 'user'],
    ['__proto__', 'session'],
    ['constructor:x', 'session'],
  ])('R-SE5 of %j is %s', (key, scope) => {
    expect(scopeOf(key)).toBe(scope);
  });

  it('R-SE5 is looked up for a bare name from temp over session, user and app to project', () => {
    const order = candidates('x').map(scopeOf);
    expect([...new Set(order)]).toEqual([...STATE_SCOPES]);
    expect(candidates('x')).toContain('x');
  });

  it('R-SE5 parts a delta into what lasts and what does not', () => {
    const delta = { 'temp:a': 1, b: null, 'user:c': false };
    expect({ ...lasting(delta) }).toEqual({ b: null, 'user:c': false });
    expect({ ...temporary(delta) }).toEqual({ 'temp:a': 1 });
  });

  it('R-SE5 makes names of JavaScript objects keys like any other', () => {
    const delta = JSON.parse('{"__proto__": 1, "temp:__proto__": 2, "toString": 3}') as Record<string, number>;
    expect(Object.entries(lasting(delta))).toEqual([
      ['__proto__', 1],
      ['toString', 3],
    ]);
    expect(Object.getPrototypeOf(lasting({}))).toBeNull();
  });

  it('R-SE5 is shared for users, apps and projects only', () => {
    expect(STATE_SCOPES.filter(isShared)).toEqual(['user', 'app', 'project']);
  });

  it('R-SE5 keeps owners apart whatever their names hold', () => {
    const one = ownersOf({ app_name: 'a:b', user_id: 'c', project_id: null });
    const other = ownersOf({ app_name: 'a', user_id: 'b:c', project_id: null });
    expect(one.user).not.toBe(other.user);
    expect(one.project).toBeUndefined();
    const percent = ownersOf({ app_name: 'a%3Ab', user_id: 'c', project_id: 'p' });
    expect(percent.user).not.toBe(one.user);
  });

  it('R-SE5 names the owners that a delta needs and no others', () => {
    const owners = ownersOf({ app_name: 'app', user_id: 'alice', project_id: 'apollo' });
    expect(ownersFor({ a: 1, 'session:b': 2 }, owners)).toEqual({});
    expect(ownersFor({ 'app:a': 1, 'project:b': 2 }, owners)).toEqual({ app: owners.app, project: owners.project });
  });
});
