import { createHash } from 'node:crypto';
import { canonicalJson, type JsonObject } from '#kernel';
import { hashOf } from '#search';
import { figuresOf, statementOf, type Statement } from './statement.js';
import type { MemoryType } from './memory.events.js';

/** What a scan needs to know of a memory: some hundred bytes, whatever the memory holds. */
export interface Fingerprint {
  id: number;
  namespace: string;
  key: string;
  version: number;
  /** Whose it is: `user:alice` also for what alice's sessions hold. */
  owner: string;
  /** Of value and type: equal ones hold the same. */
  value: string;
  /** Of what it states, in normal form; `null` when it states nothing that could be compared. */
  form: string | null;
  /** The version before it was written moments before, by somebody else, and this one's writer had not said it saw that. */
  overwrote: boolean;
}

/** A fingerprint with numbers that those share that may be alike. */
export type BucketedFingerprint = Fingerprint & { buckets: number[] };

/** Two writes to one memory this close together, in milliseconds, by two who do not say what they saw, are concurrent. */
export const CONCURRENT_WITHIN = 60_000;

/** A memory, as a scan reads it. */
export interface FingerprintRow {
  id: number;
  namespace: string;
  key: string;
  version: number;
  memory_type: MemoryType;
  value: string;
  metadata: string;
  updated_at: string;
  overwrote: 0 | 1;
}

/** The session that a namespace is of. */
export const sessionOf = (namespace: string): string | undefined =>
  namespace.startsWith('session:') ? namespace.split(':')[1] : undefined;

/** `owners` knows whose a session is. */
export function fingerprint(
  row: FingerprintRow,
  owners: Map<string, string>,
  code: Buffer | undefined,
): BucketedFingerprint {
  const { id, namespace, key, version, memory_type } = row;
  const session = sessionOf(namespace);
  const own = namespace.split(':').slice(0, 2).join(':');
  const owner = (session === undefined ? undefined : owners.get(session)) ?? own;
  const value = digest(memory_type, row.value);
  const said = memory_type === 'episodic' ? null : sayingOf(JSON.parse(row.value) as JsonObject);
  const address = { id, namespace, key, version, owner, value, overwrote: row.overwrote === 1 };
  if (said === null) return { ...address, form: null, buckets: [] };
  // What is known of where a statement comes from makes no other statement of it; whatever else is known does.
  const about = digest(memory_type, said.rest, JSON.stringify(subjectOf(row.metadata)));
  const where = said.statement.pointing ? key : '';
  const form = digest(owner, about, where, said.statement.form);
  return { ...address, form, buckets: bucketsOf(said.statement, `${owner}\n${about}`, code) };
}

/** What a memory states: its one text, and everything else that must be equal for the texts to be about the same. */
export function sayingOf(value: JsonObject): { statement: Statement; rest: string } | null {
  const texts = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  const chosen = TEXT_FIELDS.find((name) => texts.some(([field]) => field === name)) ?? texts[0]?.[0];
  if (chosen === undefined || (texts.length > 1 && !TEXT_FIELDS.includes(chosen))) return null;
  const { [chosen]: text, ...rest } = value;
  const statement = statementOf(text as string);
  if (statement.tokens.length < SHORTEST) return null;
  return { statement, rest: canonicalJson([TEXT_FIELDS.includes(chosen) ? '' : chosen, rest]) };
}

const TEXT_FIELDS = ['text', 'content', 'fact', 'statement', 'memory', 'note', 'summary', 'description'];
/** Fewer words than this are the answer to a question that only the key knows. */
const SHORTEST = 3;

const ORIGIN_FIELDS = new Set(
  `source session session_id date time timestamp created_at updated_at confidence importance
  tags turn message_id event_id url extracted_from`.split(/\s+/),
);

const subjectOf = (metadata: string): unknown =>
  Object.entries(JSON.parse(metadata) as JsonObject)
    .filter(([name]) => !ORIGIN_FIELDS.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));

const digest = (...parts: string[]): string =>
  createHash('sha1').update(parts.join('\u0000')).digest('base64url').slice(0, 16);

/** MinHash: four bands of three. Of texts that share 0.8 of their words, 94 of 100 share a bucket; of 0.3, 10 of 100 do. */
const BANDS = 4;
const ROWS = 3;
/** Of the code's bits: eight bands of twelve. Of vectors with a cosine of 0.95, 93 of 100 share a bucket. */
const CODE_BANDS = 8;

function bucketsOf(statement: Statement, about: string, code: Buffer | undefined): number[] {
  // What differs in a figure or a negation is not alike, so it need not meet.
  const seed = hashOf(`${about}\n${figuresOf(statement)}`, 7);
  const words = [...new Set(statement.tokens)].map((token) => hashOf(token, 1));
  const buckets: number[] = [];
  for (let band = 0; band < BANDS; band++) {
    let mixed = seed;
    for (let row = 0; row < ROWS; row++) {
      const salt = 0x9e3779b1 * (band * ROWS + row + 1);
      let least = 0xffffffff;
      for (const word of words) least = Math.min(least, mix(word ^ salt));
      mixed = mix(mixed ^ least);
    }
    buckets.push(band * 2 ** 32 + mixed);
  }
  if (code === undefined) return buckets;
  for (let band = 0; band < CODE_BANDS; band++) {
    const at = (band * 12) >> 3;
    const bits = (code.readUInt16LE(at) >> (band % 2 === 0 ? 0 : 4)) & 0xfff;
    buckets.push((BANDS + band) * 2 ** 32 + mix(seed ^ (bits + 1)));
  }
  return buckets;
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
