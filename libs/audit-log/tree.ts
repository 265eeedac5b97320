import { invalid } from '#kernel';
import { defineRead, sql, type Database, type Reader } from '#storage';
import { consistencyProof, Frontier, inclusionProof, rootOf, type Subtrees } from './merkle.js';

/** The head of the tree. */
export interface TreeHead {
  /** How many leaves it has: the position of the last entry. */
  size: number;
  root: Buffer;
}

/**
 * The Merkle tree over the log, in the writer: each entry's leaf completes the subtrees that end with it, which are
 * stored in the transaction that appends it.
 */
export class TreeWriter {
  private frontier = new Frontier();
  /** The entry that the frontier ends with, because positions alone might be those of another history. */
  private end: Buffer | undefined;

  constructor(private readonly db: Database) {}

  /** Takes up the tree where the log ends. */
  refresh(size: number, entryHash: Buffer): void {
    if (this.frontier.size === size && this.end?.equals(entryHash) === true) return;
    this.end = entryHash;
    this.frontier = stored(this.db, size) ?? this.grow(size);
  }

  append(leaf: Buffer, entryHash: Buffer): void {
    this.end = entryHash;
    this.add(leaf);
  }

  private add(leaf: Buffer): void {
    this.frontier.append(leaf, (level, index, node) =>
      // Where entries were cut off the end, their nodes may have stayed.
      this.db.run(sql`INSERT OR REPLACE INTO log_nodes (id, hash) VALUES (${nodeId(level, index)}, ${node})`),
    );
  }

  /** The whole tree from the leaves: for a log from before there was a tree, or whose nodes were lost. */
  private grow(size: number): Frontier {
    this.db.run(sql`DELETE FROM log_nodes`);
    this.frontier = new Frontier();
    while (this.frontier.size < size) {
      const from = this.frontier.size + 1;
      for (const leaf of leavesIn(this.db, { from, to: Math.min(size, from + PAGE - 1) })) this.add(leaf);
    }
    return this.frontier;
  }
}

/** The frontier as its nodes are stored, where all of them are. */
function stored(db: Reader, size: number): Frontier | undefined {
  try {
    return Frontier.of(size, subtreesIn(db));
  } catch (error) {
    if (error instanceof MissingNode) return undefined;
    throw error;
  }
}

class MissingNode extends Error {
  override readonly name = 'MissingNode';
}

/** Leaves that are read at a time. */
const PAGE = 5_000;

const leavesIn = (db: Reader, { from, to }: TreeSlice): Buffer[] =>
  db
    .all<{ leaf_hash: Buffer }>(
      sql`SELECT leaf_hash FROM audit WHERE position BETWEEN ${from} AND ${to} ORDER BY position`,
    )
    .map(({ leaf_hash }) => leaf_hash);

/** Complete subtrees as the tables hold them; level 0 are the entries themselves. */
const subtreesIn =
  (db: Reader): Subtrees =>
  (level, index) => {
    const row =
      level === 0
        ? db.one<{ hash: Buffer }>(sql`SELECT leaf_hash AS hash FROM audit WHERE position = ${index + 1}`)
        : db.one<{ hash: Buffer }>(sql`SELECT hash FROM log_nodes WHERE id = ${nodeId(level, index)}`);
    if (row === undefined) throw new MissingNode(`The tree has no node ${index} at level ${level}`);
    return Buffer.from(row.hash);
  };

/**
 * The place of a subtree in the order in which leaves and nodes are completed: after leaf n come the nodes that it
 * completes, from below.
 */
export function nodeId(level: number, index: number): number {
  const lastLeaf = (index + 1) * 2 ** level - 1;
  let before = 0;
  for (let nodes = lastLeaf; nodes > 0; nodes = Math.floor(nodes / 2)) before += nodes;
  return before + level + 1;
}

const sizeOf = (db: Reader): number =>
  db.one<{ size: number }>(sql`SELECT coalesce(max(position), 0) AS size FROM audit`)!.size;

export const treeHead = defineRead('audit.tree-head', (db, _: null): TreeHead => {
  const size = sizeOf(db);
  return { size, root: rootOf(size, subtreesIn(db)) };
});

/** The root that the tree had when it was smaller; `undefined` when it never was that large. */
export const treeRoot = defineRead('audit.tree-root', (db, size: number): Buffer | undefined =>
  size <= sizeOf(db) ? rootOf(size, subtreesIn(db)) : undefined,
);

/** The last signed head. */
export const signedHead = defineRead('audit.signed-head', (db, _: null): (TreeHead & { note: string }) | undefined => {
  const row = db.one<TreeHead & { note: string }>(
    sql`SELECT id AS size, root, note FROM log_checkpoints ORDER BY id DESC LIMIT 1`,
  );
  return row && { ...row, root: Buffer.from(row.root) };
});

export const provenInclusion = defineRead(
  'audit.inclusion',
  (db, { position, size }: { position: number; size: number }): Buffer[] =>
    inclusionProof(position - 1, size, subtreesIn(db)),
);

export const provenConsistency = defineRead(
  'audit.consistency',
  (db, { from, to }: { from: number; to: number }): Buffer[] => {
    if (from < 1) throw invalid('from', 'must be at least 1', 'Every log begins with the empty one: that is no proof.');
    if (from > to) throw invalid('from', `is ${from}, which is after ${to}`);
    const size = sizeOf(db);
    if (to > size) throw invalid('to', `is ${to}, but the head is ${size}`);
    return consistencyProof(from, to, subtreesIn(db));
  },
);

/** Entries whose subtrees are checked at a time. */
export interface TreeSlice {
  from: number;
  to: number;
}

/**
 * Compares the stored nodes that entries `from` to `to` complete with what their children make; names the first entry
 * whose are not.
 */
export const flawedNode = defineRead('audit.flawed-node', (db, { from, to }: TreeSlice): number | undefined => {
  const subtrees = subtreesIn(db);
  const frontier = Frontier.of(from - 1, subtrees);
  let wrong: number | undefined;
  for (const leaf of leavesIn(db, { from, to })) {
    frontier.append(leaf, (level, index, node) => {
      const row = db.one<{ hash: Buffer }>(sql`SELECT hash FROM log_nodes WHERE id = ${nodeId(level, index)}`);
      if (row === undefined || !node.equals(row.hash)) wrong ??= frontier.size + 1;
    });
    if (wrong !== undefined) return wrong;
  }
  return undefined;
});
