import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  canonicalJson,
  conflict,
  DomainError,
  versionConflict,
  type Caller,
  type EventCatalog,
  type JsonObject,
  type Recorded,
} from '#kernel';
import { sql, type Database } from '#storage';
import type { Commit, CommittedEvent, Condition, Expected, NewEvent, Receipt } from './audit-log.js';
import { GENESIS, seal } from './entry.js';
import { eventId } from './log-reader.js';
import { TreeWriter } from './tree.js';

/** The tip of the log, as the next entry needs it. */
interface Tip {
  position: number;
  entry_hash: Buffer;
  time: string;
}

export interface StreamTip {
  version: number;
  /** Of the last entry. */
  position: number;
  closed: boolean;
}

/** Inline projectors: told of events in the transaction that appends them. */
export type OnAppend = (events: Recorded[]) => void;

export type Proposer = Pick<Caller, 'actor' | 'authenticated' | 'correlation_id' | 'causation_id'>;

/**
 * Appends to the table `audit`, always inside a transaction that its caller holds. Nothing is cached between
 * transactions: {@link refresh} reads the tip again, because another process may have written.
 */
export class LogWriter {
  private tip: Tip = { position: 0, entry_hash: GENESIS, time: '' };
  private readonly tree: TreeWriter;

  constructor(
    private readonly db: Database,
    private readonly catalog: EventCatalog,
    private readonly onAppend: OnAppend,
  ) {
    this.tree = new TreeWriter(db);
  }

  get position(): number {
    return this.tip.position;
  }

  /** Reads the tip of the log; the first thing in every transaction, and after every rollback. */
  refresh(): void {
    this.tip = this.db.one<Tip>(
      sql`SELECT position, entry_hash, timestamp AS time FROM audit ORDER BY position DESC LIMIT 1`,
    ) ?? { position: 0, entry_hash: GENESIS, time: '' };
    this.tree.refresh(this.tip.position, this.tip.entry_hash);
  }

  /** The port's commit: known id, then known events, then conditions, then append. */
  commit(commit: Commit): Receipt {
    const fingerprint = canonicalJson(commit.events);
    const first = this.recall(commit.id, fingerprint);
    if (first !== undefined) return { ...(first as Receipt), duplicate: true };
    const receipt = this.knownEvents(commit) ?? this.appendChecked(commit);
    this.remember(commit.id, fingerprint, receipt, commit.time);
    return receipt;
  }

  /** Appends events whose conditions hold; `versions` tells where each of their streams stands. */
  append(events: NewEvent[], versions: Map<string, number>, proposer: Proposer, time: string): Recorded[] {
    const recorded = events.map((event) => {
      const version = versions.get(event.stream)! + 1;
      versions.set(event.stream, version);
      return this.insert(event, version, proposer, time);
    });
    if (recorded.length > 0) this.onAppend(recorded);
    return recorded;
  }

  streamTip(stream: string): StreamTip {
    const last = this.db.one<{ version: number; position: number; type: string }>(
      sql`SELECT stream_version AS version, position, type FROM audit WHERE stream = ${stream}
          ORDER BY stream_version DESC LIMIT 1`,
    );
    if (last === undefined) return { version: 0, position: 0, closed: false };
    return { version: last.version, position: last.position, closed: this.catalog[last.type]?.closes === true };
  }

  /** Whether the entry at a position is of this stream at that version; nothing has version 0. */
  holds(stream: string, version: number, position: number): boolean {
    if (version === 0) return true;
    return (
      this.db.one(
        sql`SELECT 1 FROM audit WHERE stream = ${stream} AND stream_version = ${version} AND position = ${position}`,
      ) !== undefined
    );
  }

  /** Holds a condition against the log as it is now. */
  check({ stream, expected }: Condition): void {
    const { version, closed } = this.streamTip(stream);
    const holds =
      expected === 'any' ||
      (expected === 'none' && version === 0) ||
      (expected === 'exists' && version > 0 && !closed) ||
      (typeof expected === 'object' && expected.exact === version);
    if (!holds) throw versionConflict(stream, spell(expected), version === 0 ? null : version);
  }

  /** Events of these ids that the stream holds already. */
  find(stream: string, ids: string[]): Map<string, CommittedEvent> {
    const found = new Map<string, CommittedEvent>();
    for (const id of ids) {
      const event = this.db.one<CommittedEvent>(
        sql`SELECT stream, event_id, stream_version AS version, position FROM audit
            WHERE stream = ${stream} AND event_id = ${id}`,
      );
      if (event !== undefined) found.set(id, event);
    }
    return found;
  }

  /** The first answer under this commit id, if there was one; refuses an id that was used for something else. */
  recall(commitId: string, fingerprint: string): unknown {
    const row = this.db.one<{ fingerprint: string; answer: string }>(
      sql`SELECT fingerprint, answer FROM commits WHERE commit_id = ${commitId}`,
    );
    if (row === undefined) return undefined;
    if (row.fingerprint !== digest(fingerprint)) {
      throw new DomainError(
        'key-reused',
        'idempotency-key-reused',
        'This idempotency key was used for another request.',
        {
          hint: 'Use a new key for a new request.',
        },
      );
    }
    return JSON.parse(row.answer);
  }

  remember(commitId: string, fingerprint: string, answer: unknown, time: string): void {
    const row = {
      commit_id: commitId,
      fingerprint: digest(fingerprint),
      answer: JSON.stringify(answer),
      created_at: time,
    };
    this.db.run(
      sql`INSERT INTO commits (commit_id, fingerprint, answer, created_at, crc32)
          VALUES (${row.commit_id}, ${row.fingerprint}, ${row.answer}, ${row.created_at}, ${commitSum(row)})`,
    );
  }

  private appendChecked({ conditions, events, proposer, time }: Commit): Receipt {
    for (const condition of conditions) this.check(condition);
    const versions = new Map<string, number>();
    for (const { stream } of events) {
      if (versions.has(stream)) continue;
      const { version, closed } = this.streamTip(stream);
      if (closed) throw conflict('stream-closed', `${stream} takes no more events.`);
      versions.set(stream, version);
    }
    const committed = this.append(events, versions, proposer, time).map(committedEvent);
    return { events: committed, position: committed.at(-1)?.position ?? this.tip.position, duplicate: false };
  }

  /** When all events of a commit carry ids that their streams hold, the commit has happened before. */
  private knownEvents({ events }: Commit): Receipt | undefined {
    const known = events.map(({ stream, id }) => (id === undefined ? undefined : this.find(stream, [id]).get(id)));
    const hits = known.filter((event) => event !== undefined);
    if (hits.length === 0) return refuseTwins(events);
    if (hits.length < events.length) {
      throw conflict('event-id-used', `Event id ${hits[0]!.event_id} is taken in ${hits[0]!.stream}.`);
    }
    return { events: hits, position: Math.max(...hits.map(({ position }) => position)), duplicate: true };
  }

  private insert(event: NewEvent, version: number, proposer: Proposer, time: string): Recorded {
    const schema = this.catalog[event.type];
    if (schema === undefined) throw new Error(`No event type ${event.type} in the catalog`);
    const { about = {} } = event;
    const actor = actorOf(event.actor, proposer);
    const position = this.tip.position + 1;
    const timestamp = time > this.tip.time ? time : this.tip.time;
    const draft = {
      position,
      event_id: event.id ?? null,
      stream: event.stream,
      stream_version: version,
      type: event.type,
      schema_version: schema.version,
      timestamp,
      actor,
      agent_id: about.agent_id ?? agentOf(event.actor ?? actor),
      task_id: about.task_id ?? null,
      session_id: about.session_id ?? null,
      memory_operation: about.memory_operation ?? null,
      memory_namespace: about.memory_namespace ?? null,
      memory_entry_id: about.memory_entry_id === 'self' ? position : (about.memory_entry_id ?? null),
      correlation_id: proposer.correlation_id,
      causation_id: proposer.causation_id ?? null,
      data: canonicalJson(event.data),
    };
    const entry = seal(draft, this.tip.entry_hash);
    this.db.run(
      sql`INSERT INTO audit (position, event_id, stream, stream_version, type, schema_version, timestamp, actor,
            agent_id, task_id, session_id, memory_operation, memory_namespace, memory_entry_id, correlation_id,
            causation_id, data, salt, envelope_commitment, data_commitment, leaf_hash, entry_hash)
          VALUES (${entry.position}, ${entry.event_id}, ${entry.stream}, ${entry.stream_version}, ${entry.type},
            ${entry.schema_version}, ${entry.timestamp}, ${entry.actor}, ${entry.agent_id}, ${entry.task_id},
            ${entry.session_id}, ${entry.memory_operation}, ${entry.memory_namespace}, ${entry.memory_entry_id},
            ${entry.correlation_id}, ${entry.causation_id}, ${entry.data}, ${entry.salt},
            ${entry.envelope_commitment}, ${entry.data_commitment}, ${entry.leaf_hash}, ${entry.entry_hash})`,
    );
    this.tree.append(entry.leaf_hash, entry.entry_hash);
    this.tip = { position, entry_hash: entry.entry_hash, time: timestamp };
    return {
      position,
      event_id: eventId(entry.event_id, position),
      stream: event.stream,
      version,
      size: draft.data.length,
      type: event.type,
      // As the log gives it back, not as it was handed in: live and rebuilt projections see the same.
      data: JSON.parse(draft.data) as JsonObject,
      time: timestamp,
      actor,
      correlation_id: proposer.correlation_id,
    };
  }
}

export interface StoredCommit {
  commit_id: string;
  fingerprint: string;
  answer: string;
  created_at: string;
}

/** An answer that is kept can be derived from nothing: a sum tells whether it is still the one that was given. */
export const commitSum = ({ commit_id, fingerprint, answer, created_at }: StoredCommit): number =>
  crc32(JSON.stringify([commit_id, fingerprint, answer, created_at]));

/** Under which commit a client's idempotency key is remembered. */
export const commitIdOf = (idempotencyKey: string): string => `key:${idempotencyKey}`;

/** Forgets what was answered under keys of these actors, whose names are part of the keys. */
export function forgetAnswersOf(db: Database, actors: string[]): void {
  for (const actor of actors) {
    const from = commitIdOf(`${actor} `);
    db.run(sql`DELETE FROM commits WHERE commit_id >= ${from} AND commit_id < ${`${from.slice(0, -1)}!`}`);
  }
}

export const committedEvent = ({ stream, event_id, version, position }: Recorded): CommittedEvent => ({
  stream,
  event_id,
  version,
  position,
});

/** Two events of one commit cannot have the same id: the second would be a repetition of what is not there yet. */
function refuseTwins(events: NewEvent[]): undefined {
  const ids = new Set<string>();
  for (const { stream, id } of events) {
    if (id === undefined) continue;
    const before = ids.size;
    if (ids.add(JSON.stringify([stream, id])).size === before) {
      throw conflict('event-id-used', `Event id ${id} comes twice for ${stream}.`);
    }
  }
}

export const digest = (text: string): string => hash('sha256', text, 'base64url');

/** Who showed a key is recorded by it; whom they say they speak for stands before it. */
function actorOf(claimed: string | undefined, { actor, authenticated = false }: Proposer): string {
  if (claimed === undefined) return actor;
  return authenticated ? `${claimed}@${actor}` : claimed;
}

const agentOf = (actor: string): string | null => (actor.startsWith('agent:') ? actor.slice('agent:'.length) : null);

const spell = (expected: Expected): string =>
  typeof expected === 'object' ? `version ${expected.exact}` : expected === 'none' ? 'no events' : 'an open stream';
