import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { streamName } from './stream-name.js';

describe('A stream name', () => {
  it('is readable', () => {
    expect(streamName('session', 's1')).toBe('session:s1');
    expect(streamName('memory', 'user:alice', 'coffee')).toBe('memory:user%3Aalice:coffee');
    expect(streamName('memory', 'user:al%ce', 'naïve 🎉')).toBe('memory:user%3Aal%25ce:naïve 🎉');
  });

  it.each([
    [
      ['a:b', 'c'],
      ['a', 'b:c'],
    ],
    [
      ['a', 'b'],
      ['a:b', ''],
    ],
    [['a:b'], ['a', 'b']],
    [['a%3Ab'], ['a:b']],
    [['%25'], ['%']],
    [['A'], ['a']],
    [[''], []],
    [['e\u0301'], ['\u00e9']],
  ])('of %j is not the one of %j', (one, other) => {
    expect(streamName('memory', ...one)).not.toBe(streamName('memory', ...other));
  });

  it('is shared by nobody: other parts, another name', () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'b', ':', '%', '3', '2', '5', 'A', '🎉'), maxLength: 6 });
    const parts = fc.array(part, { maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        expect(streamName('memory', ...one) === streamName('memory', ...other)).toBe(same);
      }),
      { seed: 4, numRuns: 5000 },
    );
  });

  it('tells its parts again', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 4 }), (parts) => {
        const [kind, ...encoded] = streamName('memory', ...parts).split(':');
        const decode = (text: string): string => text.replace(/%3A|%25/g, (sign) => (sign === '%3A' ? ':' : '%'));
        expect([kind, ...encoded.map(decode)]).toEqual(['memory', ...parts]);
      }),
      { seed: 5, numRuns: 1000 },
    );
  });
});
