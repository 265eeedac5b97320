import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { assembleWriter, catalog } from '#assembly';
import { sql, type ReadSide } from '#storage';
import { live } from '../../test/support/history.js';
import { caller, openTestHouse, type TestHouse } from '../../test/support/house.js';
import { openCheckpoint } from './checkpoint.js';
import { verdictOn, type Disclosure } from './entry.js';
import { LogKeys } from './log-keys.js';
import { LogSigner } from './log-signer.js';
import { extendsTree, Frontier, includes, leafHash } from './merkle.js';
import { SqliteAuditLog } from './sqlite-audit-log.js';
import { parseProof } from './tlog-proof.js';
import { flawedNode, nodeId, treeHead, treeRoot } from './tree.js';
import { directly } from './writer-client.js';

describe('R-A4 The tree of the log', () => {
  let house: TestHouse;
  let directory: string;
  let keys: LogKeys;
  let signer: LogSigner;
  beforeEach(() => {
    house = openTestHouse();
    directory = mkdtempSync(join(tmpdir(), 'abathur-keys-'));
    keys = new LogKeys(directory);
    keys.create();
    const reads = { point: house.ask } as Pick<ReadSide, 'point'> as ReadSide;
    signer = new LogSigner(keys, reads, house.log);
  });
  afterEach(() => {
    house.close();
    rmSync(directory, { recursive: true });
  });

  /** The root as anybody computes it who has the leaves. */
  const rootByHand = (size = Infinity): Buffer => {
    const frontier = new Frontier();
    for (const { leaf_hash } of leaves().slice(0, size)) frontier.append(leaf_hash);
    return frontier.root();
  };
  const leaves = (): { leaf_hash: Buffer }[] => house.db.all(sql`SELECT leaf_hash FROM audit ORDER BY position`);
  const checked = (): number | undefined => house.ask(flawedNode, { from: 1, to: house.ask(treeHead, null).size });

  it('has the root of its leaves, whatever was undone on the way', async () => {
    const { refused } = await live(house.log, 3, 400);
    expect(Object.keys(refused).length).toBeGreaterThan(3);
    expect(house.ask(treeHead, null)).toEqual({ size: leaves().length, root: rootByHand() });
    expect(house.ask(treeRoot, 17)).toEqual(rootByHand(17));
    expect(house.ask(treeRoot, leaves().length + 1)).toBeUndefined();
    expect(checked()).toBeUndefined();
    const nodes = house.db.all<{ id: number }>(sql`SELECT id FROM log_nodes`);
    // Of n leaves, n less the ones of n's binary digits.
    const ones = [...leaves().length.toString(2)].filter((digit) => digit === '1').length;
    expect(nodes).toHaveLength(leaves().length - ones);
  });

  it('gives nodes ids in the order in which they are completed', () => {
    const ids: number[] = [];
    const frontier = new Frontier();
    for (let leaf = 0; leaf < 64; leaf++) {
      ids.push(nodeId(0, leaf));
      frontier.append(leafHash(String(leaf)), (level, index) => ids.push(nodeId(level, index)));
    }
    expect(ids).toEqual(ids.map((_, n) => n + 1));
  });

  it('grows anew from the leaves where nodes are missing', async () => {
    await live(house.log, 4, 60);
    house.db.exec('DELETE FROM log_nodes WHERE id > 9');
    const before = leaves().length;
    // A writer that knows nothing yet, as after a restart.
    await new SqliteAuditLog(house.db, catalog, directly(assembleWriter(house.db))).execute({
      caller: caller(),
      steps: [],
    });
    expect(house.ask(treeRoot, before)).toEqual(rootByHand());
    expect(checked()).toBeUndefined();
  });

  it('tells a node that somebody touched', async () => {
    await live(house.log, 5, 60);
    house.db.exec(`UPDATE log_nodes SET hash = zeroblob(32) WHERE id = ${nodeId(2, 3)}`);
    expect(checked()).toBe(16);
  });

  describe('signed', () => {
    beforeEach(async () => {
      await live(house.log, 6, 80);
    });

    it('is a checkpoint under the log’s key, and the same until the log grows', async () => {
      const { note, size, root } = await signer.head();
      expect(openCheckpoint(note, keys.verifiers())).toMatchObject({ size, root, origin: keys.signers()[0].name });
      expect(root).toEqual(rootByHand());
      expect(await signer.head()).toEqual({ note, size, root });
      await live(house.log, 7, 5);
      expect((await signer.head()).size).toBeGreaterThan(size);
    });

    it('proves every entry, with what its leaf is made of', async () => {
      for (const position of [1, 2, 17, leaves().length]) {
        const proof = parseProof(await signer.inclusion(position));
        const { size, root } = openCheckpoint(proof.checkpoint, keys.verifiers());
        const disclosed = JSON.parse(proof.extra!.toString()) as Disclosure;
        expect(verdictOn(disclosed)).toBe('verified');
        expect(includes(proof.hashes, leafHash(disclosed.header), position - 1, size, root)).toBe(true);
        expect(verdictOn({ ...disclosed, data: disclosed.data!.replace('"', '" ') })).toBe('failed');
        expect(verdictOn({ ...disclosed, data: null })).toBe('failed');
        expect(verdictOn({ header: disclosed.header, data: null, envelope: null, salt: null })).toBe('erased');
      }
      await expect(signer.inclusion(leaves().length + 1)).rejects.toThrow('There is no entry');
    });

    it('proves that it continues what was signed before', async () => {
      const before = await signer.head();
      await live(house.log, 8, 40);
      const { proof, checkpoint, to } = await signer.consistency(before.size);
      const { size, root } = openCheckpoint(checkpoint, keys.verifiers());
      expect(to).toBe(size);
      const hashes = proof.map((one) => Buffer.from(one, 'base64'));
      expect(extendsTree(hashes, before.size, before.root, size, root)).toBe(true);
      await expect(signer.consistency(0)).rejects.toThrow('from: must be at least 1');
      await expect(signer.consistency(size, before.size)).rejects.toThrow('which is after');
      await expect(signer.consistency(1, size + 1)).rejects.toThrow('but the head is');
    });

    it('is never signed smaller', async () => {
      const { size } = await signer.head();
      const kept = readFileSync(join(directory, 'checkpoint'), 'utf8');
      house.db.exec(`DROP TRIGGER audit_is_never_deleted; DELETE FROM log_checkpoints`);
      house.db.exec(`DELETE FROM audit WHERE position > ${size - 5}`);
      await expect(signer.head()).rejects.toMatchObject({ code: 'log-rewritten' });
      expect(readFileSync(join(directory, 'checkpoint'), 'utf8')).toBe(kept);
    });

    it('is never signed as another history, however long', async () => {
      const { size } = await signer.head();
      house.db.exec(`DROP TRIGGER audit_is_never_updated; DELETE FROM log_checkpoints; DELETE FROM log_nodes;
        UPDATE audit SET leaf_hash = zeroblob(32) WHERE position = ${size - 5}`);
      const log = new SqliteAuditLog(house.db, catalog, directly(assembleWriter(house.db)));
      await live(log, 100, 60);
      expect(leaves().length).toBeGreaterThan(size);
      await expect(signer.head()).rejects.toThrow(`A log of ${size} entries was signed, but this one has others`);
    });

    it('is not signed over the last head in the file either', async () => {
      const { size } = await signer.head();
      rmSync(join(directory, 'checkpoint'));
      house.db.exec(`UPDATE log_checkpoints SET root = zeroblob(32) WHERE id = ${size}`);
      await live(house.log, 9, 5);
      await expect(signer.head()).rejects.toMatchObject({ code: 'log-rewritten' });
    });

    it('changes its key without a moment in which the old one is not enough', async () => {
      const [old] = keys.signers();
      await signer.head();
      const fresh = keys.add();
      const both = await signer.head();
      expect(openCheckpoint(both.note, [old]).size).toBe(both.size);
      expect(openCheckpoint(both.note, [fresh]).size).toBe(both.size);
      keys.retire(old.id);
      const { note } = await signer.head();
      expect(() => openCheckpoint(note, [old])).toThrow('None of the given keys');
      expect(openCheckpoint(note, [fresh])).toBeDefined();
      expect(() => keys.retire(fresh.id)).toThrow('is the only key that signs');
      expect(() => keys.retire('00000000')).toThrow('No key 00000000 signs here');
    });

    it('refuses a key that was damaged, and says when there is none', async () => {
      const path = join(directory, 'log.key');
      writeFileSync(path, readFileSync(path, 'utf8').replace(/.\n$/, '\n'));
      await expect(signer.head()).rejects.toThrow('This is no');
      rmSync(path);
      await expect(signer.head()).rejects.toMatchObject({ code: 'no-signing-key' });
    });
  });
});
