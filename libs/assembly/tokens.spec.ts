import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { countTokens } from './tokens.js';

/** What o200k_base and cl100k_base, tokenizers in wide use, make of these; the larger of the two. */
const COUNTED: [what: string, text: string, tokens: number][] = [
  ['prose', 'The user prefers black coffee without sugar and answers in English.', 12],
  ['JSON', '{"id":12,"namespace":"user:alice","key":"coffee","version":1}', 19],
  ['a hash', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 35],
  ['digits', '31415926535897932384626433832795', 11],
  ['capitals', 'THE QUICK BROWN FOX', 5],
  ['Chinese', '今天天气很好,我们一起去公园散步吧。', 22],
  ['Russian', 'Пользователь предпочитает чёрный кофе', 15],
  ['emoji', '🎉🚀🦄', 9],
];

describe('R-T5 Tokens', () => {
  it.each(COUNTED)('of %s are rather too many than too few', (_, text, tokens) => {
    const counted = countTokens(text);
    expect(counted).toBeGreaterThanOrEqual(0.85 * tokens);
    expect(counted).toBeLessThanOrEqual(4 * tokens);
  });

  it('of a text are not hidden by a blank of another kind before it', () => {
    const text = '今天天气很好,我们一起去公园散步吧。';
    expect(countTokens(`\u00a0${text}`)).toBeGreaterThanOrEqual(countTokens(text));
  });

  it('of nothing are none', () => {
    expect(countTokens('')).toBe(0);
  });

  it('are at least a fifth of the characters, which spares counting what cannot fit', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => countTokens(text) >= text.length / 5 - 1));
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const json = JSON.stringify(value) ?? '';
        return countTokens(json) >= json.length / 5 - 1;
      }),
    );
  });

  it('of two lines are those of each and of the break between them', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        const [a, b] = [JSON.stringify([one]), JSON.stringify([other])];
        expect(countTokens(`${a}\n${b}`)).toBe(countTokens(a) + 1 + countTokens(b));
      }),
    );
  });
});
