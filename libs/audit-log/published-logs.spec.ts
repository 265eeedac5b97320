import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { openCheckpoint, readCheckpoint, signCheckpoint } from './checkpoint.js';
import { includes } from './merkle.js';
import { generateKey, openNote, parseSigner, parseVerifier, signNote } from './signed-note.js';
import { parseProof, spellProof } from './tlog-proof.js';

// What other logs have published, each with where it comes from.
const { rekor, sumdb, checkpoint, proof } = JSON.parse(readFileSync('test/fixtures/published-proofs.json', 'utf8')) as {
  rekor: { index: number; size: number; root: string; leaf: string; hashes: string[] };
  sumdb: { key: string; note: string };
  checkpoint: { text: string };
  proof: { text: string };
};
const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');

describe('R-A4 What other logs have published', () => {
  it('a proof among 21 million entries leads to its root, and no changed one does', () => {
    const { index, size } = rekor;
    const [root, leaf, hashes] = [bytes(rekor.root), bytes(rekor.leaf), rekor.hashes.map(bytes)];
    expect(includes(hashes, leaf, index, size, root)).toBe(true);
    expect(includes(hashes, leaf, index + 1, size, root)).toBe(false);
    expect(includes(hashes, root, index, size, root)).toBe(false);
    expect(includes(hashes.slice(1), leaf, index, size, root)).toBe(false);
    expect(includes(hashes.toReversed(), leaf, index, size, root)).toBe(false);
  });

  it('a head of Go’s checksum database is one under its key, and not under another name or size', () => {
    const key = parseVerifier(sumdb.key);
    const head = openCheckpoint(sumdb.note, [key]);
    expect(head).toMatchObject({ origin: 'go.sum database tree', size: 20_852_163 });
    expect(() => openNote(sumdb.note.replace('20852163', '20852164'), [key])).toThrow('does not hold');
    expect(() => openNote(sumdb.note.replace('— sum.golang.org', '— example.com'), [key])).toThrow('None of the given');
  });

  it('the example of a checkpoint is read, and spelled byte for byte', () => {
    const head = readCheckpoint(checkpoint.text);
    expect(head).toEqual({
      origin: 'example.com/behind-the-sofa',
      size: 20_852_163,
      root: bytes('CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I='),
    });
    const signer = parseSigner(generateKey(head.origin));
    const upToSignatures = (note: string): string => note.slice(0, note.indexOf('— ') + `— ${head.origin} `.length);
    expect(upToSignatures(signCheckpoint(head, [signer]))).toBe(upToSignatures(checkpoint.text));
  });

  it('the example of a proof is read, and spelled byte for byte', () => {
    const read = parseProof(proof.text);
    expect({ index: read.index, hashes: read.hashes.length }).toEqual({ index: 73_894, hashes: 5 });
    expect(readCheckpoint(read.checkpoint)).toMatchObject({ origin: 'example.com/fancylog', size: 109_482 });
    expect(spellProof(read)).toBe(proof.text);
  });
});

describe('R-A4 What C2SP forbids', () => {
  const signer = parseSigner(generateKey('example.com/log'));
  const root = Buffer.alloc(32, 7).toString('base64');

  it.each(['\0', '\t', '\r', '\x1b[2J'])('a note with the control character %j is none', (control) => {
    const note = signNote(`hello${control}\n`, [signer]);
    expect(() => openNote(note, [signer])).toThrow('This is no signed note');
  });

  it('a checkpoint with an empty line among its extensions is none; one with extensions is', () => {
    const head = signNote(`example.com/log\n3\n${root}\nextension\n`, [signer]);
    expect(openCheckpoint(head, [signer]).size).toBe(3);
    const holed = signNote(`example.com/log\n3\n${root}\n\nextension\n`, [signer]);
    expect(() => openCheckpoint(holed, [signer])).toThrow('This is no checkpoint');
  });

  it.each(['extra !!!', 'extra ', 'extra YQ', 'extra YQ==\nextra YQ=='])('a proof with the line %j is none', (line) => {
    expect(() => parseProof(`c2sp.org/tlog-proof@v1\n${line}\nindex 1\n\nx`)).toThrow('This is no proof');
  });

  it('sixteen signatures and more are read', () => {
    const many = Array.from({ length: 40 }, () => parseSigner(generateKey('example.com/log')));
    expect(openNote(signNote('hello\n', many), [many[39]!]).text).toBe('hello\n');
  });
});
