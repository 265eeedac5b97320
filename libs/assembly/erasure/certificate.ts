import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { auditEvent, inclusionText, signNote, type LogSigner } from '#audit-log';
import type { Backup } from '#backup';
import { canonicalJson, conflict, type JsonObject } from '#kernel';
import type { ReadSide } from '#storage';
import { PLACES } from './erasure.rows.js';
import type { Erasure } from './erasure.reads.js';

/** What was done for a subject, with everything that it takes to check it. */
export interface Certificate {
  format: 'abathur-erasure';
  version: 1;
  /** The log's name. */
  log: string;
  erasure: Erasure;
  /** Every place that was looked through, and how many rows were removed from it. */
  places: { place: string; removed: number }[];
  /** What was done beyond the rows. */
  scrubbed: string[];
  /** Copies from before the erasure: they hold what was erased until they go, and are erased when they are restored. */
  remaining: { copy: string; taken_at: string | null; goes_at: string | null }[];
  /** The entries that say it, each with the proof that it is in the signed log (c2sp.org/tlog-proof). */
  proofs: { position: number; type: string; entry_hash: string; proof: string }[];
  /** The signed head of the log. */
  checkpoint: string;
  issued_at: string;
}

const DAY = 24 * 3600 * 1000;

const SCRUBBED = [
  'word indexes were merged, so that deleted words are in no segment',
  'texts and vectors that nobody else has were removed from the caches',
  'tables were compared with what the log makes of them, and exchanged where they differed',
  'the database file was written anew, with nothing between its rows',
  'the write-ahead log was emptied',
];

/** Makes the certificate of an erasure that is complete, and signs it with the key of the log. */
export async function certify(
  erasure: Erasure,
  { reads, signer, path, backups, keepDays }: CertifyOptions,
): Promise<{ certificate: Certificate; note: string }> {
  if (erasure.completed_at === null) {
    throw conflict('erasure-running', `Erasure ${erasure.id} is under way.`, 'Wait for the end of its operation.');
  }
  const head = await signer.head();
  const proofs = [erasure.position, erasure.completed_position!].map((position) => {
    const { type, entry_hash } = reads.point(auditEvent, position)!;
    return { position, type, entry_hash, proof: inclusionText(reads, position, head) };
  });
  const signers = signer.keys.signers();
  const certificate: Certificate = {
    format: 'abathur-erasure',
    version: 1,
    log: signers[0].name,
    erasure,
    places: PLACES.map((place) => ({ place, removed: erasure.removed![place] ?? 0 })),
    scrubbed: SCRUBBED,
    remaining: [...olderBackups(erasure, backups, keepDays), ...putAside(path)],
    proofs,
    checkpoint: head.note,
    issued_at: new Date().toISOString(),
  };
  const text = `${TITLE}\n${canonicalJson(certificate as unknown as JsonObject)}\n`;
  return { certificate, note: signNote(text, signers) };
}

const TITLE = 'abathur-memory erasure certificate v1';

export interface CertifyOptions {
  reads: ReadSide;
  signer: LogSigner;
  /** Of the database. */
  path: string;
  backups: Backup[];
  keepDays: number;
}

function olderBackups({ completed_at }: Erasure, backups: Backup[], keepDays: number): Certificate['remaining'] {
  return backups
    .filter(({ manifest }) => manifest.created_at < completed_at!)
    .map(({ manifest: { id, created_at } }) => ({
      copy: `backup ${id}`,
      taken_at: created_at,
      goes_at: new Date(Date.parse(created_at) + keepDays * DAY).toISOString(),
    }));
}

/** Databases that a restore has put aside: nothing removes them but who put them there. */
function putAside(path: string): Certificate['remaining'] {
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(`${basename(path)}.before-`))
    .map((name) => ({ copy: join(dirname(path), name), taken_at: null, goes_at: null }));
}
