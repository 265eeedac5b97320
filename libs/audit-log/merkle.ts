import { hash } from 'node:crypto';

/**
 * The Merkle tree of RFC 6962 and 9162: pure, over the hashes of complete subtrees. A tree of n leaves is told by a
 * function that gives the hash of the complete subtree of 2^level leaves at an index; level 0 are the leaves.
 */
export type Subtrees = (level: number, index: number) => Buffer;

const HASH_BYTES = 32;

/** The root of a tree without leaves. */
export const EMPTY_ROOT = hash('sha256', '', 'buffer');

/** A leaf: what is hashed is told apart from inner nodes by its first byte. */
export const leafHash = (leaf: string): Buffer => hash('sha256', `\0${leaf}`, 'buffer');

export const nodeHash = (left: Buffer, right: Buffer): Buffer =>
  hash('sha256', Buffer.concat([Buffer.of(1), left, right]), 'buffer');

/** The root of the tree of the first `size` leaves. */
export const rootOf = (size: number, subtrees: Subtrees): Buffer =>
  size === 0 ? EMPTY_ROOT : rangeHash(0, size, subtrees);

/** The hashes that lead from leaf `index` to the root of the first `size` leaves, the leaf's sibling first. */
export function inclusionProof(index: number, size: number, subtrees: Subtrees): Buffer[] {
  const path = (from: number, to: number): Buffer[] => {
    if (to - from === 1) return [];
    const middle = from + largestPowerBelow(to - from);
    return index < middle
      ? [...path(from, middle), rangeHash(middle, to, subtrees)]
      : [...path(middle, to), rangeHash(from, middle, subtrees)];
  };
  return path(0, size);
}

/** The hashes that show that the tree of the first `size1` leaves is the beginning of that of the first `size2`. */
export function consistencyProof(size1: number, size2: number, subtrees: Subtrees): Buffer[] {
  const path = (from: number, to: number, whole: boolean): Buffer[] => {
    if (size1 === to) return whole ? [] : [rangeHash(from, to, subtrees)];
    const middle = from + largestPowerBelow(to - from);
    return size1 <= middle
      ? [...path(from, middle, whole), rangeHash(middle, to, subtrees)]
      : [...path(middle, to, false), rangeHash(from, middle, subtrees)];
  };
  return path(0, size2, true);
}

/** Whether the proof leads from this leaf at this index to this root (RFC 9162, 2.1.3.2). */
export function includes(proof: Buffer[], leaf: Buffer, index: number, size: number, root: Buffer): boolean {
  if (index < 0 || index >= size || leaf.length !== HASH_BYTES) return false;
  let [node, last, computed] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (last === 0) return false;
    if (odd(node) || node === last) {
      computed = nodeHash(sibling, computed);
      if (!odd(node)) [node, last] = climbUntilOdd(node, last);
    } else computed = nodeHash(computed, sibling);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && computed.equals(root);
}

/** Whether the proof shows that the second tree begins with the first (RFC 9162, 2.1.4.2). */
export function extendsTree(proof: Buffer[], size1: number, root1: Buffer, size2: number, root2: Buffer): boolean {
  // Every tree begins with the empty one: that shows nothing, so it is no proof.
  if (size1 <= 0 || size1 > size2) return false;
  if (size1 === size2) return proof.length === 0 && root1.equals(root2);
  const hashes = isPowerOfTwo(size1) ? [root1, ...proof] : proof;
  if (hashes.length === 0) return false;
  let [node, last] = [size1 - 1, size2 - 1];
  while (odd(node)) [node, last] = [half(node), half(last)];
  let [first, second] = [hashes[0]!, hashes[0]!];
  for (const sibling of hashes.slice(1)) {
    if (last === 0) return false;
    if (odd(node) || node === last) {
      first = nodeHash(sibling, first);
      second = nodeHash(sibling, second);
      if (!odd(node)) [node, last] = climbUntilOdd(node, last);
    } else second = nodeHash(second, sibling);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && first.equals(root1) && second.equals(root2);
}

/** The right edge of a growing tree: the complete subtrees that wait for their right neighbours, by level. */
export class Frontier {
  private waiting: Buffer[] = [];
  size = 0;

  /** The frontier of the first `size` leaves. */
  static of(size: number, subtrees: Subtrees): Frontier {
    const frontier = new Frontier();
    frontier.size = size;
    for (const { level, index } of completeSubtrees(0, size)) frontier.waiting[level] = subtrees(level, index);
    return frontier;
  }

  /** Adds a leaf, and names each subtree that it completes. */
  append(leaf: Buffer, completed: (level: number, index: number, node: Buffer) => void = () => undefined): void {
    let [node, index, level] = [leaf, this.size, 0];
    while (odd(index)) {
      node = nodeHash(this.waiting[level]!, node);
      index = half(index);
      level += 1;
      completed(level, index, node);
    }
    this.waiting[level] = node;
    this.size += 1;
  }

  root(): Buffer {
    return rootOf(this.size, (level) => this.waiting[level]!);
  }
}

/** A complete subtree: leaves `index * 2^level` up to the next one's. */
interface Subtree {
  level: number;
  index: number;
}

/** The hash of leaves `from` up to, not including, `to`, where `from` is on the left edge of a subtree of that size. */
function rangeHash(from: number, to: number, subtrees: Subtrees): Buffer {
  const hashes = completeSubtrees(from, to).map(({ level, index }) => subtrees(level, index));
  return hashes.reduceRight((right, left) => nodeHash(left, right));
}

/** The fewest complete subtrees that make up a range, left to right. */
function completeSubtrees(from: number, to: number): Subtree[] {
  const subtrees: Subtree[] = [];
  for (let start = from; start < to;) {
    const level = levelOf(to - start);
    subtrees.push({ level, index: start / 2 ** level });
    start += 2 ** level;
  }
  return subtrees;
}

function climbUntilOdd(node: number, last: number): [number, number] {
  while (node !== 0 && !odd(node)) [node, last] = [half(node), half(last)];
  return [node, last];
}

/** The largest power of two that is at most `size`, as its exponent. */
function levelOf(size: number): number {
  let level = 0;
  while (2 ** (level + 1) <= size) level += 1;
  return level;
}

const largestPowerBelow = (size: number): number => 2 ** levelOf(size - 1);
const isPowerOfTwo = (size: number): boolean => 2 ** levelOf(size) === size;
// Sizes may pass 2^32, where bit operations end.
const odd = (x: number): boolean => x % 2 === 1;
const half = (x: number): number => Math.floor(x / 2);
