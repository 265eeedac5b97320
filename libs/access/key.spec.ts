import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { isSame, macOf, makeKey, readKey } from './key.js';

const pepper = randomBytes(32);

describe('A key', () => {
  it('reads back as it was made, whatever is in its secret', () => {
    for (let n = 0; n < 500; n++) {
      const { text, id, secret } = makeKey('test');
      expect(text).toMatch(/^abk_test_[0-9a-z]{8}_[\w-]{43}_[0-9a-f]{8}$/);
      expect(readKey(text)).toEqual({ id, secret });
    }
  });

  it('is no key with any one character changed, left out or added', () => {
    const { text } = makeKey('live');
    for (let at = 0; at < text.length; at++) {
      const [before, after] = [text.slice(0, at), text.slice(at + 1)];
      expect(readKey(before + (text[at] === 'x' ? 'y' : 'x') + after)).toBeUndefined();
      expect(readKey(before + after)).toBeUndefined();
      expect(readKey(`${before}x${text.slice(at)}`)).toBeUndefined();
    }
    expect(readKey(`${text}\n`)).toBeUndefined();
  });

  it('matches by its secret under the pepper that it was kept with, and nothing matches what is not there', () => {
    const { secret } = makeKey('live');
    const kept = macOf(secret, pepper);
    expect(isSame(macOf(secret, pepper), kept)).toBe(true);
    expect(isSame(macOf(makeKey('live').secret, pepper), kept)).toBe(false);
    expect(isSame(macOf(secret, randomBytes(32)), kept)).toBe(false);
    expect(isSame(macOf(secret, pepper), kept.subarray(1))).toBe(false);
    expect(isSame(macOf(secret, pepper), undefined)).toBe(false);
  });
});
