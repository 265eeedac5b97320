import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { DomainError } from './errors.js';
import { assertStorable, canonicalJson, MAX_DEPTH } from './json.js';

describe('The canonical text of a JSON value', () => {
  it.each<[unknown, string]>([
    [{ b: 1, a: 2 }, '{"a":2,"b":1}'],
    [{ z: { y: [3, { x: 1, w: 2 }] } }, '{"z":{"y":[3,{"w":2,"x":1}]}}'],
    [-0, '0'],
    [1.0, '1'],
    [1e21, '1e+21'],
    [1e-7, '1e-7'],
    ['\u0001"\\é🎉', '"\\u0001\\"\\\\é🎉"'],
    [{ '\u20ac': 1, '\r': 2, '1': 3 }, '{"\\r":2,"1":3,"€":1}'],
    [{ a: undefined, b: null }, '{"b":null}'],
  ])('of %j', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it('does not depend on the order of keys, and means the same', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).toReversed());
        expect(canonicalJson(turned)).toBe(canonicalJson(value));
        expect(canonicalJson(JSON.parse(canonicalJson(value)))).toBe(canonicalJson(value));
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  it('is not there for what is not JSON', () => {
    expect(() => canonicalJson(undefined)).toThrow('Only JSON values');
    expect(() => canonicalJson(Number.NaN)).toThrow('NaN');
  });
});

describe('What a store cannot keep faithfully', () => {
  const field = (value: unknown, plainKeys: string[] = []): string | undefined => {
    try {
      assertStorable(value, 'value', plainKeys);
      return undefined;
    } catch (error) {
      return (error as DomainError).details.errors?.[0]?.field;
    }
  };
  const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });

  it.each<[unknown, string]>([
    ['\ud800', 'value'],
    [{ a: ['x', 'a\0b'] }, 'value.a[1]'],
    [{ 'a\0b': 1 }, 'value.a\\0b'],
    [{ n: Number.POSITIVE_INFINITY }, 'value.n'],
    [{ n: 2 ** 53 }, 'value.n'],
    [[[{ n: -(2 ** 53) }]], 'value[0][0].n'],
    [JSON.parse('{"__proto__":{"admin":true}}'), 'value.__proto__'],
    [{ constructor: { prototype: { admin: true } } }, 'value.constructor'],
  ])('is refused by its name: %j', (value, name) => {
    expect(field(value)).toBe(name);
  });

  it.each<[unknown]>([
    [{ constructor: 'a builder' }],
    [{ constructor: { name: 'Bob' } }],
    [{ prototype: 1 }],
    [{ n: 2 ** 53 - 1, m: -(2 ** 53 - 1), f: 1.5e-308 }],
    ['naïve 日本語 🎉 \u0001'],
    [[]],
    [null],
    [nested(MAX_DEPTH)],
  ])('is not this: %j', (value) => {
    expect(field(value)).toBeUndefined();
  });

  it('is nested deeper than the house allows', () => {
    expect(field(nested(MAX_DEPTH + 1))).toMatch(/^value(\.a)+$/);
  });

  it('is not an odd name among keys that users choose', () => {
    const value = JSON.parse('{"state":{"__proto__":1},"other":{"__proto__":1}}') as object;
    expect(field(value, ['value.state'])).toBe('value.other.__proto__');
    expect(field(value, ['value.state', 'value.other'])).toBeUndefined();
  });

  it('is named in bounds, however long its name is', () => {
    expect(field({ ['k'.repeat(5000)]: '\ud800' })!.length).toBeLessThan(300);
  });
});
