import { describe, expect, it } from '@jest/globals';
import { frontMatter, nameOf, readDocument } from './read-document.js';

const read = (content: string, given: object = {}) => readDocument({ file_path: 'docs/plan-b.md', content, ...given });

describe('R-D1 A document', () => {
  it('is told by its front matter', () => {
    const content = '---\ntitle: Plan B\ntype: plan\ntags: [a, b]\ndue: 2026-01-02\n---\n# Other\n\nText.\n';
    expect(read(content)).toMatchObject({
      title: 'Plan B',
      document_type: 'plan',
      metadata: { title: 'Plan B', type: 'plan', tags: ['a', 'b'], due: '2026-01-02' },
      cuts: [{ heading: 'Other', start: content.indexOf('# Other'), end: content.length }],
    });
  });

  it('is told by its first heading, else by the name of its file', () => {
    expect(read('Text.\n\n# Heading\n').title).toBe('Heading');
    expect(read('Text.').title).toBe('plan-b');
    expect(read('---\ntitle: 7\n---\nText.').title).toBe('plan-b');
  });

  it('is told by whoever sends it before anything else', () => {
    const content = '---\ntitle: A\ntype: plan\nowner: x\n---\n# B\n';
    const given = { title: 'C', document_type: 'report', metadata: { owner: 'y' } };
    expect(read(content, given)).toMatchObject({
      title: 'C',
      document_type: 'report',
      metadata: { owner: 'y', type: 'plan' },
    });
  });

  it('is of a type that there is', () => {
    expect(read('---\ntype: novel\n---\n').document_type).toBe('document');
    expect(read('---\ntype: novel\ndocument_type: design\n---\n').document_type).toBe('design');
  });

  it('has the SHA-256 and the size of its bytes', () => {
    expect(read('naïve').size).toBe(6);
    expect(read('').content_hash).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it.each([
    ['what is no YAML', '---\n{ a: [\n---\ntext'],
    ['what has no end', '---\ntitle: A\ntext'],
    ['a list', '---\n- a\n---\ntext'],
    ['a key that reaches a prototype', '---\n__proto__: { a: 1 }\n---\ntext'],
    ['a number that JSON does not know', '---\na: .inf\n---\ntext'],
    [
      'aliases without end',
      `---\na: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
        .split('')
        .map((n, i) => `${n}: &${n} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`)
        .join('\n')}\n---\ntext`,
    ],
    ['a rule below a rule', '---\n\nNot: [front\n\n---\n'],
    ['very much', `---\n${'a: 1\n'.repeat(20_000)}---\ntext`],
  ])('takes %s for text', (_, content) => {
    expect(frontMatter(content)).toEqual({ fields: {}, begin: 0 });
  });

  it('may begin with a byte order mark, and end its lines as Windows does', () => {
    expect(frontMatter('\uFEFF---\r\ntitle: A\r\n---\r\ntext')).toEqual({ fields: { title: 'A' }, begin: 21 });
    expect(frontMatter('---\n---\ntext')).toEqual({ fields: {}, begin: 8 });
  });

  it('is named as its file is, without the ending', () => {
    expect(['a/b.c.md', 'a/.md', 'x', 'a/line\nbreak.md'].map(nameOf)).toEqual(['b.c', '.md', 'x', 'line\nbreak']);
  });
});
