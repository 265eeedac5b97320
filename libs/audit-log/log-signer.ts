import { DomainError, notFound } from '#kernel';
import { sql, type Database, type ReadSide } from '#storage';
import { openCheckpoint, readCheckpoint, signCheckpoint } from './checkpoint.js';
import { auditEntry } from './audit.reads.js';
import { disclose } from './entry.js';
import type { LogKeys } from './log-keys.js';
import { signersOf, type NoteSigner } from './signed-note.js';
import type { SqliteAuditLog } from './sqlite-audit-log.js';
import { spellProof } from './tlog-proof.js';
import { provenConsistency, provenInclusion, signedHead, treeHead, treeRoot, type TreeHead } from './tree.js';

export interface SignedHead extends TreeHead {
  note: string;
}

/** How many signed heads are remembered. */
const REMEMBERED = 1_000;

/** Signs the head of the log: never one that is smaller than, or does not continue, what was signed before. */
export class LogSigner {
  private signing: Promise<SignedHead> | undefined;

  constructor(
    readonly keys: LogKeys,
    private readonly reads: ReadSide,
    private readonly log: Pick<SqliteAuditLog, 'chore'>,
  ) {}

  /** The signed head of the log as it is now; signed anew only when the log has grown. */
  head(): Promise<SignedHead> {
    return (this.signing ??= this.sign().finally(() => (this.signing = undefined)));
  }

  /** That an entry is in the log, with what its leaf is made of, in the form of c2sp.org/tlog-proof. */
  async inclusion(position: number): Promise<string> {
    return inclusionText(this.reads, position, await this.head());
  }

  /** That the log of `from` entries is the beginning of that of `to`. */
  async consistency(
    from: number,
    to?: number,
  ): Promise<{ from: number; to: number; proof: string[]; checkpoint: string }> {
    const { size, note } = await this.head();
    const proof = this.reads.point(provenConsistency, { from, to: to ?? size });
    return { from, to: to ?? size, proof: proof.map((one) => one.toString('base64')), checkpoint: note };
  }

  private async sign(): Promise<SignedHead> {
    const head = this.reads.point(treeHead, null);
    const last = this.reads.point(signedHead, null);
    this.holdAgainstLast();
    const signers = this.keys.signers();
    if (last?.size === head.size && isSignedBy(last.note, signers)) return last;
    const note = signCheckpoint({ origin: signers[0].name, ...head }, signers);
    const signed = await this.log.chore<SignedHead>('keep-checkpoint', {
      ...head,
      note,
      signed_at: new Date().toISOString(),
    } satisfies KeptCheckpoint);
    this.keys.keepCheckpoint(signed.note);
    return signed;
  }

  /** What was handed out before must be the beginning of what is here. */
  private holdAgainstLast(): void {
    const note = this.keys.lastCheckpoint();
    if (note === undefined) return;
    const { size, root } = openCheckpoint(note, this.keys.verifiers());
    const now = this.reads.point(treeRoot, size);
    if (now?.equals(root) !== true) throw rewritten(size, now === undefined ? 'has fewer' : 'has others');
  }
}

const isSignedBy = (note: string, signers: NoteSigner[]): boolean =>
  signersOf(note).join() === signers.map(({ id }) => id).join();

export interface KeptCheckpoint extends SignedHead {
  /** ISO-8601 UTC. */
  signed_at: string;
}

/** The proof that an entry is in the log of a signed head. */
export function inclusionText(reads: Pick<ReadSide, 'point'>, position: number, { size, note }: SignedHead): string {
  const entry = reads.point(auditEntry, position);
  if (entry === undefined) throw notFound('entry', String(position));
  return spellProof({
    index: position - 1,
    hashes: reads.point(provenInclusion, { position, size }),
    checkpoint: note,
    extra: Buffer.from(JSON.stringify(disclose(entry))),
  });
}

/** In the writer: remembers a signed head, unless a later one is known already, which is returned then. */
export function keepCheckpoint(db: Database, { size, root, note, signed_at }: KeptCheckpoint): SignedHead {
  const former = signedHead.run(db, null);
  // What was signed under another name is another log's history.
  const renewed = former !== undefined && readCheckpoint(former.note).origin !== readCheckpoint(note).origin;
  if (renewed) db.run(sql`DELETE FROM log_checkpoints`);
  const last = renewed ? undefined : former;
  if (last !== undefined) {
    if (treeRoot.run(db, last.size)?.equals(last.root) !== true) throw rewritten(last.size, 'has others');
    if (last.size > size) return last;
  }
  db.run(
    sql`INSERT OR REPLACE INTO log_checkpoints (id, root, note, signed_at)
        VALUES (${size}, ${Buffer.from(root)}, ${note}, ${signed_at})`,
  );
  db.run(
    sql`DELETE FROM log_checkpoints WHERE id <=
          (SELECT id FROM log_checkpoints ORDER BY id DESC LIMIT 1 OFFSET ${REMEMBERED})`,
  );
  return { size, root: Buffer.from(root), note };
}

const rewritten = (size: number, how: string): DomainError =>
  new DomainError('conflict', 'log-rewritten', `A log of ${size} entries was signed, but this one ${how}.`, {
    hint: 'Was an older file put in its place? Then put back what is newer, or begin a new identity: abathur audit keys --renew.',
  });
