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

/** What the hashes of an entry are made of, put together by SQLite: every column that crosses over from it costs. */
interface Sealed {
  position: number;
  envelope: string;
  header: string;
  data: string | null;
  /** Salt, both commitments, leaf hash and entry hash; `null` when the entry was erased. */
  bytes: Buffer | null;
}

// The same texts as `envelopeText` and `headerText` write: SQLite spells JSON as JSON.stringify does.
const sealed: Sql = {
  text: `position, json_object('actor', actor, 'agent_id', agent_id, 'causation_id', causation_id,
      'correlation_id', correlation_id, 'event_id', event_id, 'memory_entry_id', memory_entry_id,
      'memory_namespace', memory_namespace, 'memory_operation', memory_operation, 'session_id', session_id,
      'stream', stream, 'task_id', task_id) AS envelope,
    json_object('data', lower(hex(data_commitment)), 'envelope', lower(hex(envelope_commitment)),
      'position', CAST(position AS TEXT), 'schema_version', schema_version,
      'stream_version', CAST(stream_version AS TEXT), 'timestamp', timestamp, 'type', type, 'v', 1) AS header,
    data, CAST(salt || envelope_commitment || data_commitment || leaf_hash || entry_hash AS BLOB) AS bytes`,
  params: [],
};

/**
 * Recomputes the chain from `from` to `to`, both inclusive: every commitment, leaf hash and link, and that no
 * position is missing. Long logs are verified slice by slice, so that no reader is held for minutes; a slice begins with
 * the hash that the one before has to end with.
 */
export const verifySlice = defineRead('audit.verify', (db, { from, to }: VerifyInput): VerifySlice => {
  let previous = hashAt(db, from - 1);
  if (previous === undefined) return { checked: 0, broken_at: from - 1, reason: 'the entry is missing' };
  let expected = from;
  const rows = db.iterate<Sealed>(
    sql`SELECT ${sealed} FROM audit WHERE position BETWEEN ${from} AND ${to} ORDER BY position`,
  );
  for (const row of rows) {
    if (row.position !== expected) break;
    const bytes = row.bytes?.toString('latin1');
    if (bytes === undefined || bytes.length !== 160 || !holds(row, bytes, previous)) {
      // What does not hold at a glance is looked at closely, and told in words.
      const entry = db.one<Entry>(sql`SELECT * FROM audit WHERE position = ${expected}`)!;
      const reason = flawOf(entry, Buffer.from(previous, 'latin1'));
      if (reason !== undefined) return { checked: expected - from, broken_at: expected, reason };
      previous = entry.entry_hash.toString('latin1');
    } else previous = bytes.slice(128);
    expected += 1;
  }
  if (expected <= to) return { checked: expected - from, broken_at: expected, reason: 'the entry is missing' };
  return { checked: expected - from };
});

function hashAt(db: Reader, position: number): string | undefined {
  if (position === 0) return GENESIS.toString('latin1');
  return db
    .one<{ entry_hash: Buffer }>(sql`SELECT entry_hash FROM audit WHERE position = ${position}`)
    ?.entry_hash.toString('latin1');
}

/**
 * Whether an entry is as it was sealed: what {@link flawOf} asks, on bytes kept as one-byte strings, which are compared and
 * cut at a third of what buffers cost.
 */
function holds({ envelope, header, data }: Sealed, bytes: string, previous: string): boolean {
  key(bytes);
  const leaf = sha256(`\0${header}`);
  return (
    commitment('envelope', envelope) === bytes.slice(32, 64) &&
    commitment('data', data!) === bytes.slice(64, 96) &&
    leaf === bytes.slice(96, 128) &&
    chained(previous, leaf) === bytes.slice(128)
  );
}

let inner = Buffer.alloc(64 * 1024);
const outer = Buffer.alloc(96);
const pair = Buffer.alloc(64);

/** Prepares both hashes of HMAC-SHA-256 (RFC 2104) for a salt as their key. */
function key(salt: string): void {
  for (let i = 0; i < 32; i++) {
    const byte = salt.charCodeAt(i);
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  }
  inner.fill(0x36, 32, 64);
  outer.fill(0x5c, 32, 64);
}

function commitment(what: 'envelope' | 'data', text: string): string {
  const message = `${what}\n${text}`;
  if (64 + message.length * 3 > inner.length) {
    const larger = Buffer.alloc(64 + message.length * 3);
    inner.copy(larger, 0, 0, 64);
    inner = larger;
  }
  const end = 64 + inner.write(message, 64);
  outer.write(sha256(inner.subarray(0, end)), 64, 'latin1');
  return sha256(outer);
}

function chained(previous: string, leaf: string): string {
  pair.write(previous, 0, 'latin1');
  pair.write(leaf, 32, 'latin1');
  return sha256(pair);
}

// As a string: making a buffer for the answer costs more than the hash.
const sha256 = (data: string | Buffer): string => hash('sha256', data, 'binary');

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
