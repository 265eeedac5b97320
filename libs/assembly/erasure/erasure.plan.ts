import { streamPart } from '#audit-log';
import { createHmac } from 'node:crypto';
import { below, streamName, streamParts } from '#kernel';
import { defineRead, sql, type Reader, type Sql } from '#storage';
import type { ErasedRange, RowCounts, Subject } from './erasure.events.js';
import { countRowsOf, CHUNK_IDS } from './erasure.rows.js';

export interface ErasurePlan {
  subject_ref: string;
  /** Entries of the log that lose their content. */
  entries: number;
  ranges: ErasedRange[];
  /** Entries of the log and rows of each table that would go. */
  counts: RowCounts;
  /** What would go though others have a part in it, too, for instance `memory app:planner/coffee`. */
  shared: string[];
}

/** Things of many that are named at most. */
const NAMED = 1000;

/**
 * Everything in the log that is about a subject; streams that are go as a whole. Of a user: its sessions, the namespace
 * `user:<id>`, and what it did itself. With a session go its namespace, its tasks and what was kept of them, contexts, and
 * forks. With any of these goes what was made of it. From streams of others go single entries that tell of what goes.
 */
export const erasurePlan = defineRead('erasures.plan', (db, subject: Subject): ErasurePlan => {
  const closure = new Closure(db, subject);
  closure.run();
  const positions = closure.positions();
  const counts: RowCounts = {};
  if (positions.length > 0) {
    counts['audit'] = positions.length;
    countRowsOf(db, positions, counts);
  }
  return {
    subject_ref: subjectRef(db, subject),
    entries: positions.length,
    ranges: rangesOf(db, positions),
    counts,
    shared: closure.shared(),
  };
});

/** Tells subjects apart without naming them. */
export function subjectRef(db: Reader, { kind, id }: Subject): string {
  const { key } = db.one<{ key: Buffer }>(sql`SELECT key FROM signing_keys WHERE purpose = 'erasure-subject'`)!;
  return createHmac('sha256', Buffer.from(key)).update(`${kind}\n${id}`).digest('hex');
}

/** Under which names a user acts. */
export const actorsOf = ({ kind, id }: Subject): string[] => (kind === 'user' ? [id, `user:${id}`] : []);

/** Streams that belong to no subject: of these, single entries go. Orders to erase stay, as the proof that it happened. */
const NOBODYS = ['agent', 'search', 'reads'];
const PROOFS = ['erasure', 'erased'];

/** Entries that name other things than their stream does, and what they name. */
interface Naming {
  position: number;
  stream: string;
  type: string;
  one: string | number | null;
  other: string | null;
}

class Closure {
  private readonly streams = new Set<string>();
  private readonly single = new Set<number>();
  private readonly queue: string[] = [];
  private readonly sessions = new Set<string>();
  private readonly tasks = new Set<string>();
  private readonly namespaces: string[] = [];
  private readonly actors: Set<string>;
  /** Streams of keys that speak for nobody else. */
  private readonly ownKeys = new Set<string>();
  private readonly naming: Naming[];

  constructor(
    private readonly db: Reader,
    private readonly subject: Subject,
  ) {
    this.actors = new Set(actorsOf(subject));
    this.naming = db.all<Naming>(
      sql`SELECT position, stream, type,
            CASE type WHEN 'SessionCreated' THEN json_extract(data, '$.user_id')
                      WHEN 'MemorySuperseded' THEN json_extract(data, '$.into.namespace')
                      WHEN 'SearchFeedbackGiven' THEN json_extract(data, '$.result_id')
                      WHEN 'QuarantineImposed' THEN json_extract(data, '$.source.actor')
                      WHEN 'ApiKeyCreated' THEN json_extract(data, '$.users')
                      ELSE json_extract(data, '$.conflict_id') END AS one,
            CASE type WHEN 'SessionCreated' THEN json_extract(data, '$.forked_from.session_id')
                      WHEN 'MemorySuperseded' THEN json_extract(data, '$.into.key') END AS other
          FROM audit WHERE data IS NOT NULL AND type IN
            ('SessionCreated', 'MemorySuperseded', 'MemoryFlagged', 'MemoryReviewed', 'SearchFeedbackGiven',
             'QuarantineImposed', 'ApiKeyCreated')`,
    );
  }

  run(): void {
    const { kind, id } = this.subject;
    if (kind === 'session') this.addSession(id);
    if (kind === 'namespace') this.addNamespace(id);
    if (kind === 'user') this.addUser(id);
    this.follow();
    // A fork is a copy; there may be forks of forks.
    while (this.addForks()) this.follow();
    this.addConflicts();
    this.addTellers();
  }

  /** In the order of the log. */
  positions(): number[] {
    const found = new Set(this.single);
    for (const stream of this.streams) {
      for (const { position } of this.db.all<{ position: number }>(
        sql`SELECT position FROM audit WHERE stream = ${stream} ORDER BY stream_version`,
      ))
        found.add(position);
    }
    return [...found].toSorted((a, b) => a - b);
  }

  shared(): string[] {
    const shared: string[] = [];
    for (const stream of this.streams) {
      if (shared.length === NAMED) break;
      const [kind, ...parts] = streamParts(stream);
      const own = (kind === 'memory' && this.isOwn(parts[0]!)) || this.ownKeys.has(stream);
      if (own || ['session', 'conflict', 'quarantine'].includes(kind)) continue;
      const writers = this.db.all<Writer>(
        sql`SELECT DISTINCT actor, session_id, task_id FROM audit WHERE stream = ${stream}`,
      );
      if (writers.some((writer) => !this.isOwnWriter(writer))) shared.push(`${kind} ${parts.join('/')}`);
    }
    return shared.toSorted();
  }

  private isOwn = (namespace: string): boolean =>
    this.namespaces.some((prefix) => namespace === prefix || namespace.startsWith(`${prefix}:`));

  private isOwnWriter = ({ actor, session_id, task_id }: Writer): boolean =>
    this.actors.has(actor) ||
    (session_id !== null && this.sessions.has(session_id)) ||
    // A task of nobody's session, whoever works at it, is that of who submitted it.
    (task_id !== null && session_id === null && this.tasks.has(task_id));

  private follow(): void {
    for (let stream = this.queue.pop(); stream !== undefined; stream = this.queue.pop()) {
      const [kind, id = ''] = streamParts(stream);
      if (kind === 'session') this.addSession(id);
      if (kind === 'task') this.addTask(id);
      this.add(
        sql`SELECT DISTINCT stream, 0 AS position FROM provenance WHERE source_stream = ${stream}
            UNION SELECT p.stream, 0 FROM audit s JOIN provenance p ON p.source_position = s.position
            WHERE s.stream = ${stream} AND s.type <> 'SearchFeedbackGiven'`,
      );
    }
  }

  private add(question: Sql): void {
    for (const { stream, position } of this.db.all<{ stream: string; position: number }>(question)) {
      const [kind] = streamParts(stream);
      if (PROOFS.includes(kind)) continue;
      if (!NOBODYS.includes(kind)) this.addStream(stream);
      else if (position > 0) this.single.add(position);
    }
  }

  private addStream(stream: string): void {
    if (this.streams.has(stream)) return;
    this.streams.add(stream);
    this.queue.push(stream);
  }

  private addUser(id: string): void {
    this.addNamespace(`user:${id}`);
    for (const { type, one, stream } of this.naming) if (type === 'ApiKeyCreated') this.addKey(id, one, stream);
    for (const actor of this.actors) this.add(sql`SELECT stream, position FROM audit WHERE actor = ${actor}`);
    for (const { type, one, stream } of this.naming) {
      const names =
        type === 'QuarantineImposed' ? this.actors.has(String(one)) : type === 'SessionCreated' && one === id;
      if (names) this.addStream(stream);
    }
  }

  /** A key that speaks for the user goes; what was done with one that speaks for nobody else is the user's. */
  private addKey(id: string, users: Naming['one'], stream: string): void {
    const bound = JSON.parse(String(users)) as string[];
    if (!bound.includes(id)) return;
    this.addStream(stream);
    if (bound.length > 1) return;
    this.ownKeys.add(stream);
    this.actors.add(`key:${streamParts(stream)[1]}`);
  }

  private addNamespace(prefix: string): void {
    if (this.namespaces.includes(prefix)) return;
    this.namespaces.push(prefix);
    const { from, to } = below(prefix);
    this.add(
      sql`SELECT DISTINCT stream, iif(type = 'MemoriesRead', position, 0) AS position FROM audit
          WHERE memory_namespace = ${prefix} OR (memory_namespace >= ${from} AND memory_namespace < ${to})`,
    );
  }

  private addSession(id: string): void {
    if (this.sessions.has(id)) return;
    this.sessions.add(id);
    this.addStream(streamName('session', id));
    this.add(sql`SELECT stream, position FROM audit WHERE session_id = ${id}`);
    this.addNamespace(`session:${id}`);
  }

  private addTask(id: string): void {
    if (this.tasks.has(id)) return;
    this.tasks.add(id);
    this.add(sql`SELECT stream, position FROM audit WHERE task_id = ${id}`);
    // Tasks that cannot be told without it.
    this.add(
      sql`SELECT 'task:' || ${streamPart('task_id')} AS stream, 0 AS position FROM
            (SELECT task_id FROM tasks WHERE parent_task_id = ${id}
             UNION SELECT task_id FROM task_dependencies WHERE depends_on = ${id})`,
    );
  }

  /** Copies of its sessions; whether there are new ones. */
  private addForks(): boolean {
    const before = this.streams.size;
    for (const { type, other, stream } of this.naming)
      if (type === 'SessionCreated' && other !== null && this.sessions.has(other)) this.addStream(stream);
    return this.streams.size > before;
  }

  private addConflicts(): void {
    for (const { conflict_id, namespace, members } of this.db.all<
      Record<'conflict_id' | 'namespace' | 'members', string>
    >(sql`SELECT conflict_id, namespace, members FROM memory_conflicts`)) {
      const named = (JSON.parse(members) as { namespace: string; key: string }[]).some((member) =>
        this.streams.has(streamName('memory', member.namespace, member.key)),
      );
      if (named || this.isOwn(namespace)) this.addStream(streamName('conflict', conflict_id));
    }
  }

  /** Entries in streams of others that tell of what goes. */
  private addTellers(): void {
    const positions = new Set(this.positions());
    for (const { type, one, other, stream, position } of this.naming) {
      if (this.streams.has(stream)) continue;
      const tells =
        type === 'MemorySuperseded'
          ? this.streams.has(streamName('memory', String(one), String(other)))
          : type === 'SearchFeedbackGiven'
            ? positions.has(Number(one) < CHUNK_IDS ? Number(one) : Math.floor((Number(one) - CHUNK_IDS) / 4096))
            : (type === 'MemoryFlagged' || type === 'MemoryReviewed') &&
              this.streams.has(streamName('conflict', String(one)));
      if (tells) this.single.add(position);
    }
    this.addReads();
  }

  /** Reads of memories that go, wherever they are. */
  private addReads(): void {
    const streams = JSON.stringify([...this.streams].filter((stream) => streamParts(stream)[0] === 'memory'));
    const found = this.db.all<{ position: number }>(
      sql`SELECT position FROM audit WHERE type = 'MemoriesRead' AND data IS NOT NULL AND EXISTS
            (SELECT 1 FROM json_each(data, '$.reads') r
             WHERE 'memory:' || ${streamPart('memory_namespace')} || ':' || ${streamPart("r.value ->> 'key'")}
               IN (SELECT value FROM json_each(${streams})))`,
    );
    for (const { position } of found) this.single.add(position);
  }
}

interface Writer {
  actor: string;
  session_id: string | null;
  task_id: string | null;
}

/** Neighbouring positions together. */
function rangesOf(db: Reader, positions: number[]): ErasedRange[] {
  const ranges: [number, number][] = [];
  for (const position of positions) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === position - 1) last[1] = position;
    else ranges.push([position, position]);
  }
  return ranges.map(([first, last]) => [first, last, hashAt(db, first)!, hashAt(db, last)!]);
}

/** How the hash of an entry begins. */
export const hashAt = (db: Reader, position: number): string | undefined =>
  db.one<{ hash: string }>(
    sql`SELECT substr(lower(hex(entry_hash)), 1, 16) AS hash FROM audit WHERE position = ${position}`,
  )?.hash;
