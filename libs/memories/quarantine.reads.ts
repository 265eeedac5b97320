import { decodeCursor, notFound, streamName, toPage, type Page } from '#kernel';
import { decideStep, type Planned } from '#audit-log';
import { and, defineRead, sql, type Reader, type Sql } from '#storage';
import { quarantine } from './quarantine.decider.js';
import type { EntryRange, QuarantineSource } from './quarantine.events.js';

export interface Quarantine {
  id: string;
  source: QuarantineSource;
  reason: string;
  imposed_by: string;
  imposed_at: string;
  lifted_by: string | null;
  /** `null`: it stands, also for what is written from now on. */
  lifted_at: string | null;
  /** Versions of memories that are, or were, in it. */
  memories: number;
}

interface Row extends Omit<Quarantine, 'source'> {
  position: number;
  session_id: string | null;
  actor: string | null;
  key_id: string | null;
  from_time: string | null;
  to_time: string | null;
  correlation_id: string | null;
}

const columns = sql`q.id AS position, q.quarantine_id AS id, q.session_id, q.actor, q.key_id, q.from_time, q.to_time, q.correlation_id,
  q.reason, q.imposed_by, q.imposed_at, q.lifted_by, q.lifted_at,
  (SELECT count(*) FROM memory_quarantines k WHERE k.quarantine = q.id) AS memories`;

const toQuarantine = ({
  position: _,
  session_id,
  actor,
  key_id,
  from_time,
  to_time,
  correlation_id,
  ...row
}: Row): Quarantine => ({
  ...row,
  source: {
    ...(session_id !== null && { session_id }),
    ...(actor !== null && { actor }),
    ...(key_id !== null && { key: key_id }),
    ...(from_time !== null && { from: from_time }),
    ...(to_time !== null && { to: to_time }),
    ...(correlation_id !== null && { correlation_id }),
  },
});

export interface QuarantinesInput {
  /** Only those that stand. */
  standing?: boolean;
  limit: number;
  cursor?: string;
}

/** The newest first. */
export const quarantinesPage = defineRead('quarantines.page', (db, input: QuarantinesInput): Page<Quarantine> => {
  const { limit, cursor, standing = false } = input;
  const list = ['quarantines', standing];
  const [last] = decodeCursor<[number]>(list, cursor) ?? [];
  const conditions = [sql`q.id < ${last ?? Number.MAX_SAFE_INTEGER}`];
  if (standing) conditions.push(sql`q.lifted_at IS NULL`);
  const rows = db.all<Row>(
    sql`SELECT ${columns} FROM quarantines q WHERE ${and(conditions)} ORDER BY q.id DESC LIMIT ${limit + 1}`,
  );
  return toPage(list, rows, limit, ({ position }) => [position], toQuarantine);
});

export const quarantineById = defineRead('quarantines.by-id', (db, id: string): Quarantine => {
  const row = db.one<Row>(sql`SELECT ${columns} FROM quarantines q WHERE q.quarantine_id = ${id}`);
  if (row === undefined) throw notFound('quarantine', id.slice(0, 100));
  return toQuarantine(row);
});

export interface MatchInput {
  source: QuarantineSource;
  /** Only entries after this one, up to that one. */
  after: number;
  until: number;
}

/** Entries of the log that came from a source, in order. */
export const entriesFrom = defineRead('quarantines.entries', (db, { source, after, until }: MatchInput): number[] =>
  db
    .all<{ position: number }>(
      sql`SELECT position FROM audit WHERE position > ${after} AND position <= ${until} AND ${and(matching(source))}
          ORDER BY position`,
    )
    .map(({ position }) => position),
);

function matching({ session_id, actor, key, from, to, correlation_id }: QuarantineSource): Sql[] {
  const conditions: Sql[] = [];
  if (session_id !== undefined) {
    const own = `session:${session_id}`;
    conditions.push(
      sql`(session_id = ${session_id} OR memory_namespace = ${own}
           OR (memory_namespace >= ${`${own}:`} AND memory_namespace < ${`${own};`}))`,
    );
  }
  if (actor !== undefined) conditions.push(sql`actor = ${actor}`);
  if (key !== undefined) conditions.push(sql`actor IN (${`agent:${key}`}, ${`service:${key}`}, ${`operator:${key}`})`);
  if (from !== undefined) conditions.push(sql`timestamp >= ${from}`);
  if (to !== undefined) conditions.push(sql`timestamp <= ${to}`);
  if (correlation_id !== undefined) conditions.push(sql`correlation_id = ${correlation_id}`);
  return conditions;
}

/** Of these entries those that made a version of a memory, and those that made one of what they made, and so on. */
export const tainted = defineRead('quarantines.tainted', (db, entries: number[]): number[] => {
  const memories = new Set<number>();
  for (let ring = new Set(entries); ring.size > 0;) {
    const found = versionsAmong(db, [...ring]).filter(({ position }) => !memories.has(position));
    for (const { position } of found) memories.add(position);
    const next = [...ring].flatMap((position) => madeOfEntry(db, position));
    for (const { namespace, key, version } of found)
      next.push(...madeOfVersion(db, streamName('memory', namespace, key), version));
    ring = new Set(next.filter((position) => !memories.has(position)));
  }
  return [...memories].toSorted((a, b) => a - b);
});

interface Version {
  position: number;
  namespace: string;
  key: string;
  version: number;
}

const versionsAmong = (db: Reader, positions: number[]): Version[] =>
  db.all<Version>(
    sql`SELECT id AS position, namespace, key, version FROM memory_entries
        WHERE id IN (SELECT value FROM json_each(${JSON.stringify(positions)}))`,
  );

const madeOfEntry = (db: Reader, position: number): number[] =>
  db
    .all<{ position: number }>(sql`SELECT position FROM provenance WHERE source_position = ${position}`)
    .map((made) => made.position);

const madeOfVersion = (db: Reader, stream: string, version: number): number[] =>
  db
    .all<{ position: number }>(
      sql`SELECT position FROM provenance WHERE source_stream = ${stream} AND source_version = ${version}`,
    )
    .map((made) => made.position);

export interface ImposeInput {
  quarantine_id: string;
  source: QuarantineSource;
  reason: string;
  /** What was found up to a position, before the writer was asked. */
  found: number[];
  seen: number;
}

/** Plans to impose a quarantine, in the writer's transaction: what came in since it was looked is part of it. */
export const planQuarantine = defineRead('quarantines.plan', (db, input: ImposeInput): Planned => {
  const { quarantine_id, source, reason, found, seen } = input;
  const { head } = db.one<{ head: number }>(sql`SELECT coalesce(max(position), 0) AS head FROM audit`)!;
  const late = tainted.run(db, entriesFrom.run(db, { source, after: seen, until: head }));
  const entries = rangesOf([...new Set([...found, ...late])].toSorted((a, b) => a - b));
  return {
    steps: [decideStep(quarantine, { type: 'ImposeQuarantine', quarantine_id, source, reason, entries })],
    answer: null,
  };
});

function rangesOf(positions: number[]): EntryRange[] {
  const ranges: EntryRange[] = [];
  for (const position of positions) {
    const last = ranges.at(-1);
    if (last?.[1] === position - 1) last[1] = position;
    else ranges.push([position, position]);
  }
  return ranges;
}

export const quarantineReads = [quarantinesPage, quarantineById, entriesFrom, tainted, planQuarantine];
