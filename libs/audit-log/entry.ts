import { createHash, hash, randomFillSync } from 'node:crypto';
import { leafHash } from './merkle.js';

/** One row of the table `audit`. */
export interface Entry extends Header, Envelope {
  data: string | null;
  salt: Buffer | null;
  envelope_commitment: Buffer;
  data_commitment: Buffer;
  leaf_hash: Buffer;
  entry_hash: Buffer;
}

/** What is hashed in the clear: nothing in it names a person. */
export interface Header {
  position: number;
  stream_version: number;
  type: string;
  schema_version: number;
  timestamp: string;
}

/** Who and what an entry is about. The header holds only a commitment to it, because stream names hold user ids. */
export interface Envelope {
  event_id: string | null;
  stream: string;
  actor: string;
  agent_id: string | null;
  task_id: string | null;
  session_id: string | null;
  memory_operation: string | null;
  memory_namespace: string | null;
  memory_entry_id: number | null;
  correlation_id: string;
  causation_id: string | null;
}

export type Draft = Header & Envelope & { data: string };

/** Predecessor of the first entry. */
export const GENESIS = Buffer.alloc(32);

/** Seals a draft: salt, commitments, leaf hash (an RFC 6962 leaf of the header), and the chain's next link. */
export function seal(draft: Draft, previous: Buffer): Entry {
  const salt = nextSalt();
  const envelope_commitment = commitment(salt, 'envelope', envelopeText(draft));
  const data_commitment = commitment(salt, 'data', draft.data);
  const leaf_hash = leafHash(headerText(draft, envelope_commitment, data_commitment));
  const entry_hash = link(previous, leaf_hash);
  return { ...draft, salt, envelope_commitment, data_commitment, leaf_hash, entry_hash };
}

/** What is wrong with a stored entry, in words; `undefined` when it is as it was sealed on top of `previous`. */
export function flawOf(entry: Entry, previous: Buffer): string | undefined {
  const { salt, data } = entry;
  // Both gone together is an erasure; one without the other is not.
  if ((salt === null) !== (data === null)) return 'content and salt do not belong together';
  if (salt !== null && data !== null) {
    if (!commitment(salt, 'envelope', envelopeText(entry)).equals(entry.envelope_commitment)) {
      return 'the envelope was changed';
    }
    if (!commitment(salt, 'data', data).equals(entry.data_commitment)) return 'the data was changed';
  }
  const leaf = leafHash(headerText(entry, entry.envelope_commitment, entry.data_commitment));
  if (!leaf.equals(entry.leaf_hash)) return 'the header was changed';
  if (!link(previous, leaf).equals(entry.entry_hash)) return 'it does not follow from its predecessor';
  return undefined;
}

/** What a leaf is made of, for who checks it elsewhere: its header and, unless erased, what opens the commitments in it. */
export interface Disclosure {
  header: string;
  envelope: string | null;
  data: string | null;
  /** Hex. */
  salt: string | null;
}

export function disclose(entry: Entry): Disclosure {
  const header = headerText(entry, entry.envelope_commitment, entry.data_commitment);
  const { data, salt } = entry;
  if (salt === null) return { header, envelope: null, data: null, salt: null };
  return { header, envelope: envelopeText(entry), data, salt: Buffer.from(salt).toString('hex') };
}

export type Verdict = 'verified' | 'erased' | 'failed';

/** Whether what is disclosed is what its header commits to. */
export function verdictOn({ header, envelope, data, salt }: Disclosure): Verdict {
  if (salt === null && data === null && envelope === null) return 'erased';
  if (salt === null || data === null || envelope === null) return 'failed';
  const committed = JSON.parse(header) as { envelope: string; data: string };
  const key = Buffer.from(salt, 'hex');
  const holds =
    commitment(key, 'envelope', envelope).toString('hex') === committed.envelope &&
    commitment(key, 'data', data).toString('hex') === committed.data;
  return holds ? 'verified' : 'failed';
}

// Both texts are canonical JSON (RFC 8785): their values are strings, whole numbers and null, and their names stand in
// order here, so JSON.stringify writes exactly what a canonicalizer would, at a fifth of the cost.

/** The canonical header, at most 65,535 bytes. */
export function headerText(header: Header, envelope: Buffer, data: Buffer): string {
  return JSON.stringify({
    data: data.toString('hex'),
    envelope: envelope.toString('hex'),
    position: String(header.position),
    schema_version: header.schema_version,
    stream_version: String(header.stream_version),
    timestamp: header.timestamp,
    type: header.type,
    v: 1,
  });
}

export function envelopeText(envelope: Envelope): string {
  return JSON.stringify({
    actor: envelope.actor,
    agent_id: envelope.agent_id,
    causation_id: envelope.causation_id,
    correlation_id: envelope.correlation_id,
    event_id: envelope.event_id,
    memory_entry_id: envelope.memory_entry_id,
    memory_namespace: envelope.memory_namespace,
    memory_operation: envelope.memory_operation,
    session_id: envelope.session_id,
    stream: envelope.stream,
    task_id: envelope.task_id,
  });
}

/** A salted commitment hides low-entropy content from guessing once the salt is gone. */
const commitment = (salt: Buffer, what: 'envelope' | 'data', text: string): Buffer => hmac(salt, `${what}\n${text}`);

/**
 * HMAC-SHA-256 (RFC 2104) with a key of at most 64 bytes. `createHmac` makes a key object for every new key, which
 * costs ten times as much as the two hashes, and every entry has a new key.
 */
export function hmac(key: Buffer, message: string): Buffer {
  const text = Buffer.from(message);
  const inner = Buffer.allocUnsafe(64 + text.length).fill(0x36, 0, 64);
  const outer = Buffer.allocUnsafe(96).fill(0x5c, 0, 64);
  for (let i = 0; i < key.length; i++) {
    inner[i]! ^= key[i]!;
    outer[i]! ^= key[i]!;
  }
  text.copy(inner, 64);
  outer.write(hash('sha256', inner, 'binary'), 64, 'latin1');
  return hash('sha256', outer, 'buffer');
}

const link = (previous: Buffer, leaf: Buffer): Buffer => createHash('sha256').update(previous).update(leaf).digest();

// Random bytes come by the page: one call for 32 bytes costs as much as one for thousands.
const page = Buffer.alloc(32 * 256);
let used = page.length;
function nextSalt(): Buffer {
  if (used === page.length) {
    randomFillSync(page);
    used = 0;
  }
  return Buffer.from(page.subarray(used, (used += 32)));
}
