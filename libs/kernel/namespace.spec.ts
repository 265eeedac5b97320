import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Database, sql } from '#storage';
import { DomainError } from './errors.js';
import { below, identifier, memoryKey, namespace, namespacePrefix } from './namespace.js';

const refusal = (check: () => unknown): string => {
  try {
    check();
  } catch (error) {
    if (error instanceof DomainError && error.kind === 'invalid') return error.message;
    throw error;
  }
  throw new Error('Expected a refusal');
};

describe('R-M1 A namespace', () => {
  it.each([
    'user:alice',
    'session:s1',
    'app:planner:workflows',
    'project:p1:a:b:c:d',
    'user:日本語',
    'user:naïve 🎉 name',
    'user:%',
    'user:_',
    'user:*',
    'user:a.b/c\\d"e\'f',
    'user:می‌خواهم',
    'user:👩‍👩‍👧',
    'user:❤️ 1️⃣',
    'user:🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
    'user:क्‍ष',
    'user:ren\u00e9',
    `user:${'x'.repeat(128)}`,
    ['user', ...Array.from({ length: 3 }, () => 'y'.repeat(126)), 'z'.repeat(126)].join(':'),
  ])('may be "%s"', (text) => {
    expect(namespace(text)).toBe(text);
  });

  it.each([
    ['', 'has an empty segment'],
    ['user', 'needs at least two segments'],
    ['user:', 'has an empty segment'],
    [':alice', 'has an empty segment'],
    ['user::alice', 'has an empty segment'],
    ['temp:alice', 'temp is never persisted'],
    ['team:alice', 'must begin with one of session, user, app, project'],
    ['User:alice', 'must begin with one of'],
    [' user:alice', 'begins or ends with a space'],
    ['user:alice ', 'begins or ends with a space'],
    ['user:\u3000alice', 'begins or ends with a space'],
    ['user:a\nb', 'cannot be printed'],
    ['user:a\u0000b', 'holds a NUL character'],
    ['user:a\u200bb', 'cannot be printed'],
    ['user:a\u202eb', 'cannot be printed'],
    ['user:a\ufeffb', 'cannot be printed'],
    ['user:a\u00adb', 'cannot be printed'],
    ['user:al\u200dice', 'cannot be printed'],
    ['user:alice\u200c', 'cannot be printed'],
    ['user:alice\ufe0f', 'cannot be printed'],
    ['user:alice\u{e0041}', 'cannot be printed'],
    ['user:al\u034fice', 'cannot be printed'],
    ['user:al\u3164ice', 'cannot be printed'],
    ['user:rene\u0301', 'not composed'],
    ['user:\ud800', 'lone surrogate'],
    [`user:${'x'.repeat(129)}`, 'has a segment of 129 characters'],
    [`user:${'x:'.repeat(254)}yz`, 'has 515 characters, at most 512'],
  ])('may not be %j', (text, reason) => {
    expect(refusal(() => namespace(text))).toContain(reason);
  });

  it('is refused under the name of its field', () => {
    expect(refusal(() => namespace('user', 'to_namespace'))).toMatch(/^to_namespace: /);
  });
});

describe('R-M6 A prefix', () => {
  it.each(['user', 'user:alice', 'team', 'user:alice:travel'])('may be "%s": whole segments, at least one', (text) => {
    expect(namespacePrefix(text)).toBe(text);
  });

  it.each(['', 'user:', ':', 'user:\n'])('may not be %j', (text) => {
    expect(refusal(() => namespacePrefix(text))).toMatch(/^namespace_prefix: /);
  });
});

describe('R-M1 A key', () => {
  it.each(['coffee', 'a:b', '%', ' ', '日本語', 'k'.repeat(256)])('may be "%s"', (text) => {
    expect(memoryKey(text)).toBe(text);
    expect(identifier(text, 'session_id')).toBe(text);
  });

  it.each([
    ['', 'must not be empty'],
    ['k'.repeat(257), 'has 257 characters, at most 256'],
    ['a\tb', 'cannot be printed'],
    ['a\0b', 'NUL'],
    ['\udc00', 'lone surrogate'],
  ])('may not be %j', (text, reason) => {
    expect(refusal(() => memoryKey(text))).toContain(reason);
  });
});

describe('R-M6 What lies below a prefix', () => {
  const db = Database.open({ path: ':memory:' });
  db.exec('CREATE TABLE names (id INTEGER PRIMARY KEY, ns TEXT NOT NULL)');
  db.exec('CREATE INDEX idx_names ON names (ns)');

  const found = (names: string[], wanted: string): string[] => {
    db.exec('DELETE FROM names');
    for (const name of names) db.run(sql`INSERT INTO names (ns) VALUES (${name})`);
    const { prefix, from, to } = below(wanted);
    return db
      .all<{ ns: string }>(sql`SELECT ns FROM names WHERE ns = ${prefix} OR (ns >= ${from} AND ns < ${to}) ORDER BY id`)
      .map(({ ns }) => ns);
  };

  it('is itself and what has it as its first segments, nothing that only begins alike', () => {
    const inside = ['user:alice', 'user:alice:travel', 'user:alice:a:b', 'user:alice:🎉', 'user:alice:\u{10ffff}'];
    const outside = [
      'user',
      'user:al',
      'user:alic',
      'user:alice2',
      'user:alice;',
      'user:alice ',
      'user:alice!x',
      'user:alice;x',
      'user:alicé',
      'user:Alice',
      'USER:ALICE',
      'user:alicf',
      'app:user:alice',
    ];
    expect(found([...inside, ...outside], 'user:alice')).toEqual(inside);
  });

  it('takes %, _ and * for what they are', () => {
    expect(found(['user:%', 'user:%:a', 'user:x', 'user:x:a'], 'user:%')).toEqual(['user:%', 'user:%:a']);
    expect(found(['user:a_b', 'user:axb'], 'user:a_b')).toEqual(['user:a_b']);
    expect(found(['user:*', 'user:x'], 'user:*')).toEqual(['user:*']);
  });

  it('is the same as comparing segment by segment, whatever the names', () => {
    const segment = fc.oneof(
      fc.constantFrom('a', 'al', 'alice', 'A', '%', '_', ';', '9', '/', ' ', 'é', '🎉', '\uffff'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }).filter((text) => !/[:\0]/.test(text)),
    );
    const name = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join(':'));
    fc.assert(
      fc.property(fc.array(name, { maxLength: 12 }), name, (names, wanted) => {
        const first = wanted.split(':');
        const model = names.filter((candidate) => {
          const segments = candidate.split(':');
          return first.every((part, index) => segments[index] === part);
        });
        expect(found(names, wanted)).toEqual(model);
      }),
      { seed: 3, numRuns: 1000 },
    );
  });
});
