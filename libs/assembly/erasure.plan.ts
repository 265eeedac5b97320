import { createHmac } from 'node:crypto';
import { below, streamName, streamParts } from '#kernel';
import { defineRead, sql, type Reader, type Sql } from '#storage';
import type { ErasedRange, RowCounts, Subject } from './erasure.events.js';
import { countRowsOf } from './erasure.rows.js';

export interface ErasurePlan {
  /** Digest of the subject with a key of this database. */
  subject_ref: string;
  entries: number;
  streams: number;
  ranges: ErasedRange[];
  /** Entries of the log and rows of each table that would go. */
  counts: RowCounts;
  /** Memories in scopes of many that would go with it, though others have written to them, too. */
  shared: { namespace: string; key: string }[];
}

/** Entries that are looked at together. */
const PAGE = 500;

/**
 * Everything in the log that is about a subject: streams that name it go as a whole. Of a user: sessions, the namespace
 * `user:<id>`, and what it did itself. With a session go its namespace, its tasks and all that was kept of them, contexts, and
 * forks. With any of these goes what was made of it.
 */
export const erasurePlan = defineRead('erasures.plan', (db, subject: Subject): ErasurePlan => {
  const closure = new Closure(db, subject);
  closure.run();
  const positions = closure.positions();
  const counts: RowCounts = {};
  if (positions.length > 0) counts['audit'] = positions.length;
  for (let at = 0; at < positions.length; at += PAGE) countRowsOf(db, positions.slice(at, at + PAGE), counts);
  return {
    subject_ref: subjectRef(db, subject),
    entries: positions.length,
    streams: closure.streams.size,
    ranges: rangesOf(db, positions),
    counts,
    shared: closure.shared(),
  };
});

export function subjectRef(db: Reader, { kind, id }: Subject): string {
  const { key } = db.one<{ key: Buffer }>(sql`SELECT key FROM signing_keys WHERE purpose = 'erasure-subject'`)!;
  return createHmac('sha256', Buffer.from(key)).update(`${kind}\n${id}`).digest('hex');
}

class Closure {
  readonly streams = new Set<string>();
  private readonly queue: string[] = [];
  private readonly sessions = new Set<string>();
  private readonly tasks = new Set<string>();
  private readonly namespaces: string[] = [];
  private readonly actors = new Set<string>();

  constructor(
    private readonly db: Reader,
    private readonly subject: Subject,
  ) {}

  run(): void {
    const { kind, id } = this.subject;
    if (kind === 'session') this.addSession(id);
    if (kind === 'namespace') this.addNamespace(id);
    if (kind === 'user') this.addUser(id);
    this.follow();
    // Forks are found by what they were forked from, and conflicts and feedback by what they are about.
    while (this.addForks()) this.follow();
    this.addConflicts();
    this.addFeedback();
  }

  positions(): number[] {
    const found: number[] = [];
    for (const stream of this.streams) {
      for (const { position } of this.db.all<{ position: number }>(
        sql`SELECT position FROM audit WHERE stream = ${stream} ORDER BY stream_version`,
      ))
        found.push(position);
    }
    return found.toSorted((a, b) => a - b);
  }

  shared(): { namespace: string; key: string }[] {
    const shared: { namespace: string; key: string }[] = [];
    for (const stream of this.streams) {
      const [kind, namespace = '', key = ''] = streamParts(stream);
      if (kind !== 'memory' || this.isOwn(namespace)) continue;
      const writers = this.db.all<{ actor: string; session_id: string | null; task_id: string | null }>(
        sql`SELECT DISTINCT actor, session_id, task_id FROM audit WHERE stream = ${stream}`,
      );
      if (writers.some((writer) => !this.isOwnWriter(writer))) shared.push({ namespace, key });
    }
    return shared;
  }

  private isOwn = (namespace: string): boolean =>
    this.namespaces.some((prefix) => namespace === prefix || namespace.startsWith(`${prefix}:`));

  private isOwnWriter = (by: { actor: string; session_id: string | null; task_id: string | null }): boolean =>
    this.actors.has(by.actor) ||
    (by.session_id !== null && this.sessions.has(by.session_id)) ||
    (by.task_id !== null && this.tasks.has(by.task_id));

  private follow(): void {
    for (let stream = this.queue.pop(); stream !== undefined; stream = this.queue.pop()) {
      const [kind, id = ''] = streamParts(stream);
      if (kind === 'session') this.addSession(id);
      if (kind === 'task') this.addTask(id);
      if (kind === 'memory') this.add(sql`SELECT DISTINCT stream FROM provenance WHERE source_stream = ${stream}`);
    }
  }

  private add(question: Sql): void {
    for (const { stream } of this.db.all<{ stream: string }>(question)) this.addStream(stream);
  }

  private addStream(stream: string): void {
    // Orders to erase stay: they are the proof that it happened.
    if (this.streams.has(stream) || stream.startsWith('erasure:') || stream.startsWith('erased:')) return;
    this.streams.add(stream);
    this.queue.push(stream);
  }

  private addUser(id: string): void {
    this.addNamespace(`user:${id}`);
    for (const actor of [id, `user:${id}`]) this.actors.add(actor);
    this.add(
      sql`SELECT DISTINCT stream FROM audit
          WHERE actor IN (${id}, ${`user:${id}`})
             OR (type = 'SessionCreated' AND json_extract(data, '$.user_id') = ${id})`,
    );
  }

  private addNamespace(prefix: string): void {
    this.namespaces.push(prefix);
    const { from, to } = below(prefix);
    this.add(
      sql`SELECT DISTINCT stream FROM audit
          WHERE memory_namespace = ${prefix} OR (memory_namespace >= ${from} AND memory_namespace < ${to})`,
    );
  }

  private addSession(id: string): void {
    if (this.sessions.has(id)) return;
    this.sessions.add(id);
    this.add(sql`SELECT DISTINCT stream FROM audit WHERE session_id = ${id}`);
    this.addNamespace(`session:${id}`);
  }

  private addTask(id: string): void {
    if (this.tasks.has(id)) return;
    this.tasks.add(id);
    this.add(sql`SELECT DISTINCT stream FROM audit WHERE task_id = ${id}`);
    // Tasks that cannot be told without it.
    const dependents = this.db.all<{ task_id: string }>(
      sql`SELECT task_id FROM tasks WHERE parent_task_id = ${id}
          UNION SELECT task_id FROM task_dependencies WHERE depends_on = ${id}`,
    );
    for (const { task_id } of dependents) this.addStream(streamName('task', task_id));
  }

  /** Copies of its sessions; whether there are new ones. */
  private addForks(): boolean {
    const before = this.streams.size;
    for (const { stream, origin } of this.db.all<{ stream: string; origin: string }>(
      sql`SELECT stream, json_extract(data, '$.forked_from.session_id') AS origin FROM audit
          WHERE type = 'SessionCreated' AND json_extract(data, '$.forked_from.session_id') IS NOT NULL`,
    ))
      if (this.sessions.has(origin)) this.addStream(stream);
    return this.streams.size > before;
  }

  private addConflicts(): void {
    for (const { conflict_id, members } of this.db.all<{ conflict_id: string; members: string }>(
      sql`SELECT conflict_id, members FROM memory_conflicts`,
    )) {
      const named = (JSON.parse(members) as { namespace: string; key: string }[]).some(({ namespace, key }) =>
        this.streams.has(streamName('memory', namespace, key)),
      );
      if (named) this.addStream(streamName('conflict', conflict_id));
    }
  }

  private addFeedback(): void {
    const positions = new Set(this.positions());
    for (const { stream, result } of this.db.all<{ stream: string; result: number }>(
      sql`SELECT stream, json_extract(data, '$.result_id') AS result FROM audit WHERE type = 'SearchFeedbackGiven'`,
    ))
      if (positions.has(result)) this.addStream(stream);
  }
}

/** Neighbouring positions together, with the hash that the last of them has. */
function rangesOf(db: Reader, positions: number[]): ErasedRange[] {
  const ranges: [number, number][] = [];
  for (const position of positions) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === position - 1) last[1] = position;
    else ranges.push([position, position]);
  }
  return ranges.map(([first, last]) => {
    const { entry_hash } = db.one<{ entry_hash: string }>(
      sql`SELECT lower(hex(entry_hash)) AS entry_hash FROM audit WHERE position = ${last}`,
    )!;
    return [first, last, entry_hash];
  });
}
