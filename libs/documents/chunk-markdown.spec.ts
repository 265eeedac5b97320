import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { chunkMarkdown, CHUNK_TOKENS, firstTitle, OVERLAP_TOKENS, tokensIn } from './chunk-markdown.js';

const words = (count: number, word = 'word'): string =>
  Array.from({ length: count }, (_, n) => `${word}${n}`).join(' ');

const line = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'grapheme', maxLength: 200 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('', '   ', '# One', '## Two ##', '### Three', '#', '```', '~~~~', '```js', '#not'),
  },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 900 }).map((count) => words(count)) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 4000 }).map((count) => 'x'.repeat(count)) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 1500 }).map((count) => '語🎉'.repeat(count)) },
);
const markdown = fc.array(line, { maxLength: 40 }).map((lines) => lines.join('\n'));

describe('R-D2 A Markdown text in chunks', () => {
  it('loses nothing: what lies between two chunks is blank', () => {
    fc.assert(
      fc.property(markdown, (text) => {
        let last = 0;
        for (const { start, end } of chunkMarkdown(text)) {
          expect(end).toBeGreaterThan(last);
          expect(text.slice(last, Math.max(last, start)).trim()).toBe('');
          last = end;
        }
        expect(text.slice(last).trim()).toBe('');
      }),
      { numRuns: 300 },
    );
  });

  it('has chunks of at most 512 tokens, that repeat at most 50', () => {
    fc.assert(
      fc.property(markdown, (text) => {
        chunkMarkdown(text).forEach(({ start, end }, index, cuts) => {
          expect(tokensIn(text, start, end)).toBeLessThanOrEqual(CHUNK_TOKENS);
          expect(tokensIn(text, start, cuts[index - 1]?.end ?? start)).toBeLessThanOrEqual(OVERLAP_TOKENS);
        });
      }),
      { numRuns: 300 },
    );
  });

  it('never cuts a character in two', () => {
    fc.assert(
      fc.property(markdown, (text) => {
        for (const { start, end } of chunkMarkdown(text)) expect(text.slice(start, end).isWellFormed()).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('is cut the same way each time, whatever stands before it', () => {
    fc.assert(
      fc.property(markdown, fc.string({ maxLength: 40 }), (text, before) => {
        const moved = chunkMarkdown(before + text, before.length);
        expect(
          moved.map(({ heading, start, end }) => ({ heading, start: start - before.length, end: end - before.length })),
        ).toEqual(chunkMarkdown(text));
      }),
    );
  });

  it('is cut at headings, and each chunk says under which headings it stands', () => {
    const text = `# Guide\n\n${words(100)}\n\n## Install\n\n${words(120)}\n\n### Linux\n\n${words(90)}\n\n## Use\n\n${words(80)}\n`;
    const cuts = chunkMarkdown(text);
    expect(cuts.map(({ heading }) => heading)).toEqual([
      'Guide',
      'Guide > Install',
      'Guide > Install > Linux',
      'Guide > Use',
    ]);
    expect(cuts.map(({ start }) => text.slice(start, start + 6).trim())).toEqual([
      '# Guid',
      '## Ins',
      '### Li',
      '## Use',
    ]);
  });

  it('goes on under the same heading when a section is long, with some words again', () => {
    const text = `## Long\n\n${Array.from({ length: 12 }, (_, n) => words(60, `p${n}x`)).join('\n\n')}\n`;
    const cuts = chunkMarkdown(text);
    expect(cuts.length).toBeGreaterThan(2);
    expect(new Set(cuts.map(({ heading }) => heading))).toEqual(new Set(['Long']));
    cuts.slice(1).forEach(({ start }, index) => {
      const before = cuts[index]!;
      expect(start).toBeLessThan(before.end);
      expect(tokensIn(text, start, before.end)).toBeGreaterThan(OVERLAP_TOKENS / 2);
      // What is not repeated begins with a paragraph.
      expect(text.slice(before.end - 2, before.end)).toBe('\n\n');
    });
  });

  it('keeps small sections together, and a heading with what stands under it', () => {
    const small = Array.from({ length: 5 }, (_, n) => `## S${n}\n\nshort\n`).join('\n');
    expect(chunkMarkdown(`# All\n\n${small}`)).toMatchObject([{ heading: 'All > S0', start: 0 }]);
    const late = `${words(55)}\n\n${words(58)}\n\n${words(58)}\n\n## Late\n\n${words(200)}\n`;
    const at = late.indexOf('## Late');
    expect(chunkMarkdown(late).some(({ start, heading }) => start === at && heading === 'Late')).toBe(true);
  });

  it('takes a # in code for code', () => {
    const text = `# Real\n\n\`\`\`sh\n# not a heading\n${words(100)}\n\`\`\`\n\n${words(100)}\n`;
    expect(chunkMarkdown(text).map(({ heading }) => heading)).toEqual(['Real']);
  });

  it('has no chunk when it is blank', () => {
    expect(chunkMarkdown('')).toEqual([]);
    expect(chunkMarkdown(' \n\t\n'.repeat(2000))).toEqual([]);
  });

  it('never has more chunks than there are numbers for them', () => {
    const text = '# a\n\nb c d e f\n\n'.repeat(20_000);
    const cuts = chunkMarkdown(text, 0, 100);
    expect(cuts.length).toBeLessThanOrEqual(100);
    expect(cuts.at(-1)!.end).toBe(text.length);
  });

  it('is cut fast, however hostile it is', () => {
    const hostile = [
      '#'.repeat(300_000),
      '` '.repeat(150_000),
      '```\n'.repeat(75_000),
      ' '.repeat(300_000),
      'a\n\n'.repeat(100_000),
    ];
    for (const text of hostile) {
      const begin = performance.now();
      chunkMarkdown(text);
      expect(performance.now() - begin).toBeLessThan(2000);
    }
  });
});

describe('R-D1 The title of a text', () => {
  it('is its first heading of the first level', () => {
    expect(firstTitle('text\n\n## No\n\n```\n# no\n```\n\n#  The   title #\n# Second')).toBe('The title');
    expect(firstTitle('#no\n##\n# \n')).toBeUndefined();
  });
});
