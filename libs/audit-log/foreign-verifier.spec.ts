import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { verifyCheckpoint } from '@sigstore/verify/dist/tlog/checkpoint.js';
import { verifyMerkleInclusion } from '@sigstore/verify/dist/tlog/merkle.js';
import type { ReadSide } from '#storage';
import { live } from '../../test/support/history.js';
import { openTestHouse, type TestHouse } from '../../test/support/house.js';
import type { Disclosure } from './entry.js';
import { LogKeys } from './log-keys.js';
import { LogSigner } from './log-signer.js';
import { Frontier, inclusionProof, leafHash, type Subtrees } from './merkle.js';
import { parseProof } from './tlog-proof.js';

type Entry = Parameters<typeof verifyMerkleInclusion>[0];
type Head = Parameters<typeof verifyMerkleInclusion>[1];
type Logs = Parameters<typeof verifyCheckpoint>[1];

/** An entry as the verifier of Sigstore wants it: what the leaf is made of, and the way from there to the root. */
const entry = (leaf: string, logIndex: number, hashes: Buffer[], envelope = ''): Entry =>
  ({
    canonicalizedBody: Buffer.from(leaf),
    inclusionProof: { logIndex: String(logIndex), hashes, checkpoint: { envelope } },
  }) as unknown as Entry;

describe('R-A4 The verifier of Sigstore, which knows nothing of this program,', () => {
  let house: TestHouse;
  let directory: string;
  let keys: LogKeys;
  let signer: LogSigner;
  beforeAll(async () => {
    house = openTestHouse();
    directory = mkdtempSync(join(tmpdir(), 'abathur-keys-'));
    keys = new LogKeys(directory);
    keys.create();
    signer = new LogSigner(keys, { point: house.ask } as Pick<ReadSide, 'point'> as ReadSide, house.log);
    await live(house.log, 11, 150);
  });
  afterAll(() => {
    house.close();
    rmSync(directory, { recursive: true });
  });

  const logs = (): Logs =>
    keys.verifiers().map(({ name, id, key }) => ({
      baseURL: name,
      logID: Buffer.from(id, 'hex'),
      publicKey: key,
    })) as unknown as Logs;

  it('takes our signed heads, and our proof of every entry', async () => {
    const { position: last } = await house.log.head();
    expect(last).toBeGreaterThan(100);
    for (let position = 1; position <= last; position++) {
      const { index, hashes, checkpoint, extra } = parseProof(await signer.inclusion(position));
      const { header } = JSON.parse(extra!.toString()) as Disclosure;
      const told = entry(header, index, hashes, checkpoint);
      const head = verifyCheckpoint(told, logs());
      expect([head.logSize, index]).toEqual([BigInt(last), position - 1]);
      expect(() => verifyMerkleInclusion(told, head)).not.toThrow();
      expect(() => verifyMerkleInclusion(entry(`${header} `, index, hashes), head)).toThrow('does not match');
      expect(() => verifyMerkleInclusion(entry(header, (index + 1) % last, hashes), head)).toThrow(/hash/);
    }
  });

  it('refuses a head that says another size, and one under another key', async () => {
    const { note, size } = await signer.head();
    expect(() => verifyCheckpoint(entry('', 0, [], note.replace(`\n${size}\n`, `\n${size + 1}\n`)), logs())).toThrow(
      'invalid checkpoint signature',
    );
    expect(() => verifyCheckpoint(entry('', 0, [], note), [] as unknown as Logs)).toThrow('signature');
  });

  it('finds our root from every leaf of every size', () => {
    const leaf = (index: number): string => `leaf ${index}`;
    const subtrees: Subtrees = (level, index) => {
      const frontier = new Frontier();
      for (let n = index * 2 ** level; n < (index + 1) * 2 ** level; n++) frontier.append(leafHash(leaf(n)));
      return frontier.root();
    };
    const frontier = new Frontier();
    for (let size = 1; size <= 40; size++) {
      frontier.append(leafHash(leaf(size - 1)));
      const head = { logSize: BigInt(size), logHash: frontier.root() } as unknown as Head;
      for (let index = 0; index < size; index++)
        expect(() =>
          verifyMerkleInclusion(entry(leaf(index), index, inclusionProof(index, size, subtrees)), head),
        ).not.toThrow();
    }
  });
});
