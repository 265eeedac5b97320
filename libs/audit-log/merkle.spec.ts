import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  consistencyProof,
  EMPTY_ROOT,
  extendsTree,
  Frontier,
  includes,
  inclusionProof,
  leafHash,
  nodeHash,
  rootOf,
  type Subtrees,
} from './merkle.js';

interface InclusionVector {
  name: string;
  leafIdx: number;
  treeSize: number;
  root: string;
  leafHash: string;
  proof: string[] | null;
  wantErr: boolean;
}

interface ConsistencyVector {
  name: string;
  size1: number;
  size2: number;
  root1: string;
  root2: string;
  proof: string[] | null;
  wantErr: boolean;
}

// The vectors that implementations of RFC 6962 share; the file names its source.
const vectors = JSON.parse(readFileSync('test/fixtures/merkle-vectors.json', 'utf8')) as {
  inclusion: InclusionVector[];
  consistency: ConsistencyVector[];
};

const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');
const list = (proof: string[] | null): Buffer[] => (proof ?? []).map(bytes);

describe('Published vectors of the Merkle tree', () => {
  it('are all there', () => {
    expect([vectors.inclusion.length, vectors.consistency.length]).toEqual([98, 98]);
    expect(vectors.inclusion.filter(({ wantErr }) => !wantErr).length).toBeGreaterThan(4);
    expect(vectors.consistency.filter(({ wantErr }) => !wantErr).length).toBeGreaterThan(3);
  });

  it.each(vectors.inclusion)('inclusion $name', ({ leafIdx, treeSize, root, leafHash: leaf, proof, wantErr }) => {
    expect(includes(list(proof), bytes(leaf), leafIdx, treeSize, bytes(root))).toBe(!wantErr);
  });

  it.each(vectors.consistency)('consistency $name', ({ size1, size2, root1, root2, proof, wantErr }) => {
    expect(extendsTree(list(proof), size1, bytes(root1), size2, bytes(root2))).toBe(!wantErr);
  });
});

/** A tree as a naive reader of the RFC would build it: the hash of every range from its leaves. */
function treeOf(size: number): { leaves: Buffer[]; subtrees: Subtrees; naive(from: number, to: number): Buffer } {
  const leaves = Array.from({ length: size }, (_, n) => leafHash(`leaf ${n}`));
  const naive = (from: number, to: number): Buffer => {
    if (to === from) return EMPTY_ROOT;
    if (to - from === 1) return leaves[from]!;
    let split = 1;
    while (split * 2 < to - from) split *= 2;
    return nodeHash(naive(from, from + split), naive(from + split, to));
  };
  return { leaves, subtrees: (level, index) => naive(index * 2 ** level, (index + 1) * 2 ** level), naive };
}

describe('A Merkle tree', () => {
  const { leaves, subtrees, naive } = treeOf(70);

  it('has the roots of its definition, and its frontier does', () => {
    const frontier = new Frontier();
    const nodes = new Map<string, Buffer>();
    for (let size = 0; size <= leaves.length; size++) {
      expect(rootOf(size, subtrees)).toEqual(naive(0, size));
      expect(frontier.root()).toEqual(naive(0, size));
      expect(Frontier.of(size, subtrees).root()).toEqual(naive(0, size));
      if (size < leaves.length)
        frontier.append(leaves[size]!, (level, index, node) => nodes.set(`${level} ${index}`, node));
    }
    for (const [name, node] of nodes) {
      const [level, index] = name.split(' ').map(Number);
      expect(node).toEqual(subtrees(level!, index!));
    }
    // Every complete subtree above the leaves, each once: 35 + 17 + 8 + 4 + 2 + 1.
    expect(nodes.size).toBe(67);
  });

  it('proves each leaf in each size, and no other', () => {
    for (let size = 1; size <= 40; size++) {
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(index, size, subtrees);
        const root = naive(0, size);
        expect(includes(proof, leaves[index]!, index, size, root)).toBe(true);
        expect(includes(proof, leaves[index + 1]!, index, size, root)).toBe(false);
        expect(includes(proof, leaves[index]!, index + 1, size, root)).toBe(false);
        expect(includes([...proof, root], leaves[index]!, index, size, root)).toBe(false);
      }
    }
  });

  it('proves each size to be the beginning of each later one', () => {
    for (let size2 = 1; size2 <= 40; size2++) {
      for (let size1 = 1; size1 <= size2; size1++) {
        const proof = consistencyProof(size1, size2, subtrees);
        expect(extendsTree(proof, size1, naive(0, size1), size2, naive(0, size2))).toBe(true);
        expect(extendsTree(proof, size1, naive(1, size1 + 1), size2, naive(0, size2))).toBe(false);
      }
    }
  });

  it('takes no changed proof', () => {
    const cases = fc.record({ size2: fc.integer({ min: 2, max: 60 }), at: fc.nat(), bit: fc.nat(255) });
    fc.assert(
      fc.property(cases, ({ size2, at, bit }) => {
        const size1 = 1 + (at % (size2 - 1));
        const flip = (proof: Buffer[]): Buffer[] =>
          proof.map((one, n) => {
            if (n !== at % proof.length) return one;
            const changed = Buffer.from(one);
            changed[bit >> 3]! ^= 1 << (bit & 7);
            return changed;
          });
        const inclusion = flip(inclusionProof(size1 - 1, size2, subtrees));
        const consistency = flip(consistencyProof(size1, size2, subtrees));
        return (
          !includes(inclusion, leaves[size1 - 1]!, size1 - 1, size2, naive(0, size2)) &&
          !extendsTree(consistency, size1, naive(0, size1), size2, naive(0, size2))
        );
      }),
    );
  });
});
