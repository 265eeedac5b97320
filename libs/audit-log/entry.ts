import { createHash, createHmac, hash, randomFillSync } from 'node:crypto';
import { canonicalJson } from '#kernel';

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
interface Header {
  position: number;
  stream_version: number;
  type: string;
  schema_version: number;
  timestamp: string;
}

/** Who and what an entry is about. The header holds only a commitment to it, because stream names hold user ids. */
interface Envelope {
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

/** The canonical header (RFC 8785), at most 65,535 bytes. */
function headerText(header: Header, envelope: Buffer, data: Buffer): string {
  const { position, stream_version, type, schema_version, timestamp } = header;
  return canonicalJson({
    v: 1,
    position: String(position),
    stream_version: String(stream_version),
    type,
    schema_version,
    timestamp,
    envelope: envelope.toString('hex'),
    data: data.toString('hex'),
  });
}

function envelopeText(envelope: Envelope): string {
  const { event_id, stream, actor, agent_id, task_id, session_id, correlation_id, causation_id } = envelope;
  const { memory_operation, memory_namespace, memory_entry_id } = envelope;
  return canonicalJson({
    event_id,
    stream,
    actor,
    agent_id,
    task_id,
    session_id,
    memory_operation,
    memory_namespace,
    memory_entry_id,
    correlation_id,
    causation_id,
  });
}

/** A salted commitment hides low-entropy content from guessing once the salt is gone. */
const commitment = (salt: Buffer, what: 'envelope' | 'data', text: string): Buffer =>
  createHmac('sha256', salt).update(what).update('\n').update(text).digest();

const leafHash = (header: string): Buffer => hash('sha256', `\0${header}`, 'buffer');
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
