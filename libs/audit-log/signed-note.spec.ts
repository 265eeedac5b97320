import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { openCheckpoint, readCheckpoint, signCheckpoint } from './checkpoint.js';
import { generateKey, openNote, parseSigner, parseVerifier, signNote, spellVerifier } from './signed-note.js';
import { parseProof, spellProof } from './tlog-proof.js';

// The example of golang.org/x/mod/sumdb/note, made by another implementation.
const NOTE = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;
const VERIFIER = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const SIGNER = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';

describe('A signed note', () => {
  it('is read as other implementations write it, and written as they do', () => {
    const { text, signedBy } = openNote(NOTE, [parseVerifier(VERIFIER)]);
    expect(signedBy.map(spellVerifier)).toEqual([VERIFIER]);
    expect(signNote(text, [parseSigner(SIGNER)])).toBe(NOTE);
    expect(spellVerifier(parseSigner(SIGNER))).toBe(VERIFIER);
  });

  it('is signed by every key given, and opened with any of them', () => {
    const [one, two, other] = [generateKey('log'), generateKey('log'), generateKey('log')].map(parseSigner);
    const note = signNote('hello\n', [one!, two!]);
    expect(openNote(note, [two!]).text).toBe('hello\n');
    expect(openNote(note, [one!, two!]).signedBy).toHaveLength(2);
    expect(() => openNote(note, [other!])).toThrow('None of the given keys has signed this');
  });

  it('is nothing when a byte of it is another', () => {
    const signer = parseSigner(generateKey('log'));
    const note = signNote('The quick brown fox\n\njumps.\n', [signer]);
    fc.assert(
      fc.property(fc.nat(note.length - 2), fc.constantFrom(...'aZ9+=\n '), (at, letter) => {
        const changed = note.slice(0, at) + letter + note.slice(at + 1);
        let opened: string | undefined;
        try {
          opened = openNote(changed, [signer]).text;
        } catch {
          return true;
        }
        // The bits that base64 does not use may differ; the text may not.
        return opened === 'The quick brown fox\n\njumps.\n';
      }),
      { numRuns: 300 },
    );
  });

  it.each(['', 'x', 'x\n\n', 'x\n\n— a b\n\n', `${NOTE}x`, NOTE.replace('—', '-'), 'x\n\n— a+b AAAA\n'])(
    'is not %j',
    (note) => {
      expect(() => openNote(note, [parseVerifier(VERIFIER)])).toThrow(/This is no|has signed this|does not hold/);
    },
  );

  it.each(['', 'a+b', VERIFIER.replace('c74f20a3', 'c74f20a4'), VERIFIER.replace('Peter', 'Paul'), `${VERIFIER}AAAA`])(
    'has no key like %j',
    (key) => {
      expect(() => parseVerifier(key)).toThrow('This is no');
    },
  );
});

describe('A checkpoint', () => {
  const signer = parseSigner(generateKey('example.com/log'));
  const head = { origin: 'example.com/log', size: 12, root: Buffer.alloc(32, 7) };

  it('is origin, size and root, signed', () => {
    const note = signCheckpoint(head, [signer]);
    expect(note.split('\n').slice(0, 4)).toEqual(['example.com/log', '12', head.root.toString('base64'), '']);
    expect(openCheckpoint(note, [signer])).toEqual(head);
    expect(readCheckpoint(note)).toEqual(head);
  });

  it.each(['log\n012\n', 'log\n-1\n', 'log\n1.5\n', 'log\nx\n'])('is not %j', (begin) => {
    const note = signNote(`${begin}${head.root.toString('base64')}\n`, [signer]);
    expect(() => openCheckpoint(note, [signer])).toThrow('This is no checkpoint');
  });
});

describe('A proof of an entry', () => {
  const proof = { index: 5, hashes: [Buffer.alloc(32, 1), Buffer.alloc(32, 2)], checkpoint: NOTE };

  it('is read as it is written, with extra data and without', () => {
    expect(parseProof(spellProof(proof))).toEqual(proof);
    expect(parseProof(spellProof({ ...proof, extra: Buffer.from('more') }))).toEqual({
      ...proof,
      extra: Buffer.from('more'),
    });
  });

  it.each([
    '',
    'c2sp.org/tlog-proof@v2\nindex 1\n\n',
    'c2sp.org/tlog-proof@v1\nindex 01\n\nx',
    'c2sp.org/tlog-proof@v1\n\nx',
  ])('is not %j', (text) => {
    expect(() => parseProof(text)).toThrow('This is no proof');
  });
});
