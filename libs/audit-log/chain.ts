import { hash } from 'node:crypto';
import { defineRead, sql, type Reader, type Sql } from '#storage';
import { flawOf, GENESIS, type Entry } from './entry.js';

export interface VerifyInput {
  /** First position to check. */
  from: number;
  /** Last position to check. */
  to: number;
}

export interface VerifySlice {
  checked: number;
  broken_at?: number;
  reason?: string;
}

/** Entries that are hashed together; fewer where they are large, so that no more than some megabytes are held at once. */
const MOST_TOGETHER = 128;
const MOST_BYTES = 4 * 1024 * 1024;

/**
 * Recomputes the chain from `from` to `to`, both inclusive: every commitment, leaf hash and link, and that no
 * position is missing. Long logs are verified slice by slice, so that no reader is held for minutes; a slice begins with
 * the hash that the one before has to end with.
 */
export const verifySlice = defineRead('audit.verify', (db, { from, to }: VerifyInput): VerifySlice => {
  let previous = hashAt(db, from - 1);
  if (previous === undefined) return { checked: 0, broken_at: from - 1, reason: 'the entry is missing' };
  const step = stepFor(db, from, to);
  for (let first = from; first <= to; first += step) {
    const last = Math.min(to, first + step - 1);
    const end = hashAfter(db, first, last, previous);
    if (end !== undefined) previous = end;
    else {
      // What does not hold at a glance is looked at closely, and told in words.
      const found = lookClosely(db, first, last, previous);
      if (typeof found !== 'string') return { checked: found.broken_at - from, ...found };
      previous = found;
    }
  }
  return { checked: to - from + 1 };
});

function hashAt(db: Reader, position: number): string | undefined {
  if (position === 0) return GENESIS.toString('latin1');
  return db
    .one<{ entry_hash: Buffer }>(sql`SELECT entry_hash FROM audit WHERE position = ${position}`)
    ?.entry_hash.toString('latin1');
}

function stepFor(db: Reader, from: number, to: number): number {
  const { largest } = db.one<{ largest: number }>(
    sql`SELECT coalesce(max(octet_length(data)), 0) AS largest FROM audit WHERE position BETWEEN ${from} AND ${to}`,
  )!;
  return Math.max(1, Math.min(MOST_TOGETHER, Math.floor(MOST_BYTES / (largest + 1024))));
}

/** Entry after entry as one run of bytes, in the order of {@link Layout}: each value that crosses over from SQLite costs. */
interface Together {
  bytes: Buffer;
  entries: number;
  /** Of the data of all of them: what a text says is an end is none. */
  data_bytes: number;
}

/** Where the parts of an entry lie in the run, after one letter that says what it is. */
const Layout = { salt: 1, envelope: 33, data: 65, leaf: 97, entry: 129, header: 161 } as const;
const SEALED = 's'.charCodeAt(0);
const ERASED = 'e'.charCodeAt(0);
const HMAC_BLOCK = 64;

// The same texts as `envelopeText` and `headerText` write: SQLite spells JSON as JSON.stringify does. Before each text that
// is committed to there is room for the key of its HMAC. No JSON holds a zero byte, so one ends it.
const sealed: Sql = {
  text: `CASE WHEN octet_length(leaf_hash) <> 32 OR octet_length(entry_hash) <> 32 THEN '?'
      WHEN octet_length(salt) = 32 AND data IS NOT NULL THEN 's' WHEN salt IS NULL AND data IS NULL THEN 'e' ELSE '?' END
    || coalesce(salt, zeroblob(32)) || envelope_commitment || data_commitment || leaf_hash || entry_hash || char(0)
    || json_object('data', lower(hex(data_commitment)), 'envelope', lower(hex(envelope_commitment)),
      'position', CAST(position AS TEXT), 'schema_version', schema_version,
      'stream_version', CAST(stream_version AS TEXT), 'timestamp', timestamp, 'type', type, 'v', 1)
    || zeroblob(64) || 'envelope' || char(10)
    || json_object('actor', actor, 'agent_id', agent_id, 'causation_id', causation_id,
      'correlation_id', correlation_id, 'event_id', event_id, 'memory_entry_id', memory_entry_id,
      'memory_namespace', memory_namespace, 'memory_operation', memory_operation, 'session_id', session_id,
      'stream', stream, 'task_id', task_id)
    || zeroblob(64) || 'data' || char(10) || coalesce(data, '') || char(0)`,
  params: [],
};

/** The entry hash that entries end with when all of them are there and as they were sealed. */
function hashAfter(db: Reader, first: number, last: number, before: string): string | undefined {
  const { bytes, entries, data_bytes } = db.one<Together>(
    sql`SELECT CAST(group_concat(${sealed}, '') AS BLOB) AS bytes, count(*) AS entries,
          coalesce(sum(octet_length(data)), 0) AS data_bytes
        FROM (SELECT * FROM audit WHERE position BETWEEN ${first} AND ${last} ORDER BY position)`,
  )!;
  if (entries !== last - first + 1) return undefined;
  let previous = before;
  let left = data_bytes;
  let at = 0;
  for (let n = 0; n < entries; n++) {
    const envelope = bytes.indexOf(0, at + Layout.header + 1);
    const data = bytes.indexOf(0, envelope + HMAC_BLOCK);
    const end = bytes.indexOf(0, data + HMAC_BLOCK);
    if (envelope < 0 || data < 0 || end < 0 || !holds(bytes, at, { envelope, data, end }, previous)) return undefined;
    previous = bytes.toString('latin1', at + Layout.entry, at + Layout.header);
    left -= end - data - HMAC_BLOCK - 'data\n'.length;
    at = end + 1;
  }
  return at === bytes.length && left === 0 ? previous : undefined;
}

interface Places {
  envelope: number;
  data: number;
  end: number;
}

/**
 * Whether an entry is as it was sealed: what {@link flawOf} asks, on the bytes where they lie. Hashes are compared as
 * one-byte strings, at a third of what buffers cost.
 */
function holds(bytes: Buffer, at: number, { envelope, data, end }: Places, previous: string): boolean {
  const leaf = sha256(bytes.subarray(at + Layout.header, envelope));
  const says = bytes.toString('latin1', at + Layout.envelope, at + Layout.header);
  if (leaf !== says.slice(64, 96) || chained(previous, leaf) !== says.slice(96)) return false;
  if (bytes[at] === ERASED) return true;
  if (bytes[at] !== SEALED) return false;
  // Both hashes of HMAC-SHA-256 (RFC 2104), with the salt as their key.
  for (let i = 0; i < 32; i++) {
    const byte = bytes[at + Layout.salt + i]!;
    bytes[envelope + i] = bytes[data + i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  }
  bytes.fill(0x36, envelope + 32, envelope + HMAC_BLOCK);
  bytes.fill(0x36, data + 32, data + HMAC_BLOCK);
  return (
    outerHash(bytes.subarray(envelope, data)) === says.slice(0, 32) &&
    outerHash(bytes.subarray(data, end)) === says.slice(32, 64)
  );
}

const outer = Buffer.alloc(96, 0x5c);
const pair = Buffer.alloc(64);

function outerHash(inner: Buffer): string {
  outer.write(sha256(inner), HMAC_BLOCK, 'latin1');
  return sha256(outer);
}

function chained(previous: string, leaf: string): string {
  pair.write(previous, 0, 'latin1');
  pair.write(leaf, 32, 'latin1');
  return sha256(pair);
}

// As a string: making a buffer for the answer costs more than the hash.
const sha256 = (data: Buffer): string => hash('sha256', data, 'binary');

interface Flaw {
  broken_at: number;
  reason: string;
}

/** The first flaw of these entries; the entry hash they end with when there is none. */
function lookClosely(db: Reader, first: number, last: number, before: string): string | Flaw {
  let previous: Buffer = Buffer.from(before, 'latin1');
  for (let position = first; position <= last; position++) {
    const entry = db.one<Entry>(sql`SELECT * FROM audit WHERE position = ${position}`);
    const reason = entry === undefined ? 'the entry is missing' : flawOf(entry, previous);
    if (reason !== undefined) return { broken_at: position, reason };
    previous = entry!.entry_hash;
  }
  return previous.toString('latin1');
}

/**
 * The last position that anything in the file has seen: entries cut off the end of the log leave checkpoints behind
 * that are ahead of it.
 */
export const witnessedHead = defineRead('audit.witnessed-head', (db): number => {
  const { position } = db.one<{ position: number }>(
    sql`SELECT max((SELECT coalesce(max(position), 0) FROM projections),
                   (SELECT coalesce(max(position), 0) FROM audit)) AS position`,
  )!;
  return position;
});

/** The first entry in a range without content that no order to erase names: nobody takes content away silently. */
export const erasedUnasked = defineRead('audit.erased-unasked', (db, { from, to }: VerifyInput): VerifySlice | null => {
  const row = db.one<{ position: number }>(
    sql`SELECT a.position FROM audit a WHERE a.salt IS NULL AND a.position BETWEEN ${from} AND ${to} AND NOT EXISTS
          (SELECT 1 FROM erasure_ranges r WHERE r.last_position >= a.position AND r.first_position <= a.position)
        ORDER BY a.position LIMIT 1`,
  );
  return row === undefined ? null : { checked: row.position - from, broken_at: row.position, reason: UNASKED };
});

/** What is said of an entry that has lost its content for no reason that the log knows. */
export const UNASKED = 'its content was taken away, and no erasure in the log names it';

export interface Verification {
  ok: boolean;
  checked: number;
  head: { position: number; entry_hash: string; time: string | null };
  broken_at?: number;
  reason?: string;
}

/** Entries verified by one read: a fraction of a second. */
const SLICE = 10_000;

/** Verifies a range slice by slice, several at a time; tells the first position that is not as it was written. */
export async function verifyRange(
  verify: (input: VerifyInput) => Promise<VerifySlice>,
  { from, to }: VerifyInput,
  atOnce: number,
  onChecked: (entries: number) => void = () => undefined,
): Promise<VerifySlice> {
  const running: Promise<VerifySlice>[] = [];
  let next = from;
  let checked = 0;
  for (;;) {
    while (running.length < atOnce && next <= to) {
      const slice = verify({ from: next, to: Math.min(next + SLICE - 1, to) });
      // Once the chain is broken, nobody awaits those that follow.
      slice.catch(() => undefined);
      running.push(slice);
      next += SLICE;
    }
    const first = running.shift();
    if (first === undefined) return { checked };
    const slice = await first;
    checked += slice.checked;
    onChecked(slice.checked);
    if (slice.broken_at !== undefined) return { ...slice, checked };
  }
}
