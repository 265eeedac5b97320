import { notFound, streamName, streamParts, type Recorded } from '#kernel';
import { sql, type Reader, type Sql } from '#storage';
import { streamPart } from './stream-part.js';
import { thingOf, type Thing } from './thing.js';

/** What something was made of: a thing, at one of its own versions, or one entry of the log. */
export type Source = { relation: string } & (
  { stream: string; version?: number; position?: never } | { position: number; stream?: never }
);

/** A relation to an entry of the session in which something was written; an entry of anything else does not count. */
export const TURN_OF_SESSION = 'extracted_from';

/** Anybody may say in metadata what a memory was extracted from: that it is a turn of its session, the log has to confirm. */
const IS_TRUE = sql`(p.relation <> ${TURN_OF_SESSION}
    OR s.stream = 'session:' || ${streamPart('e.session_id')})`;

/** For event types that make something of something else: what of. Said by the feature, in one place. */
export type Provenance = Record<string, (event: Recorded) => Source[]>;

/** Rows of the table `provenance` for one event. */
export const provenanceRows = ({ position, stream }: Recorded, sources: Source[]): Sql[] =>
  sources.map((source) =>
    source.stream === undefined
      ? sql`INSERT INTO provenance (position, stream, relation, source_position)
            VALUES (${position}, ${stream}, ${source.relation}, ${source.position})`
      : sql`INSERT INTO provenance (position, stream, relation, source_stream, source_version)
            VALUES (${position}, ${stream}, ${source.relation}, ${source.stream}, ${source.version ?? null})`,
  );

/** An event in the life of a thing, with everything that says why. */
export interface LifeEvent {
  position: number;
  stream_version: number;
  type: string;
  time: string;
  actor: string;
  agent_id: string | null;
  task_id: string | null;
  session_id: string | null;
  memory_operation: string | null;
  /** What it was part of: its correlation id, which is for who sees everything. */
  operation: string | null;
  causation_id: string | null;
}

/** A thing or an entry that another one was made of, or that was made of it. */
export interface Link extends Thing {
  relation: string;
  /** Links between it and what was asked about: 1 is next to it. */
  depth: number;
  /** The nearer end. */
  of: string;
  /** The farther end. */
  stream: string;
  /** The version of it that is meant, where one is. */
  version: number | null;
  /** The entry that is meant, where one is. */
  position: number | null;
  /** The entry that says so. */
  said_at: number;
  /** What that entry was part of. */
  operation: string | null;
}

export interface Why {
  stream: string;
  /** Newest first. */
  events: LifeEvent[];
  /** What it was made of, and that of what, nearest first. */
  came_from: Link[];
  /** What was made of it, and of that, nearest first. */
  led_to: Link[];
  /** There is more than was followed. */
  truncated: boolean;
}

const MAX_EVENTS = 100;
const MAX_LINKS = 500;
const MAX_DEPTH = 16;
/** How many links of a thing are looked at for those that somebody sees. */
const MAX_LOOKED = 10_000;

/** Whether somebody sees the thing whose stream this is. Without it everything is seen. */
export type Sees = (stream: string) => boolean;

/**
 * Where a thing comes from and what became of it, as far as a bound allows; in circles nothing is followed twice. What
 * somebody does not see is left out, and nothing is followed through it.
 */
export function whyOf(db: Reader, stream: string, sees?: Sees): Why {
  const events = db.all<LifeEvent>(
    sql`SELECT position, stream_version, type, timestamp AS time, actor, agent_id, task_id, session_id, memory_operation,
          correlation_id AS operation, causation_id
        FROM audit WHERE stream = ${stream} ORDER BY stream_version DESC LIMIT ${MAX_EVENTS + 1}`,
  );
  if (events.length === 0) {
    const [kind, ...parts] = streamParts(stream);
    throw notFound(kind, parts.join('/'));
  }
  const back = follow(stream, (near) => told(db, [sourcesOf(near), ...settingOf(near)], sees));
  const forth = follow(stream, (near) => told(db, madeOf(near), sees));
  return {
    stream,
    events: events.slice(0, MAX_EVENTS).map((event) => (sees === undefined ? event : seenBy(sees, event))),
    came_from: back.links,
    led_to: forth.links,
    truncated: events.length > MAX_EVENTS || back.truncated || forth.truncated,
  };
}

/** Correlation ids are whatever somebody has sent, and tie together what may be of many. */
const seenBy = (sees: Sees, { session_id, task_id, ...event }: LifeEvent): LifeEvent => ({
  ...event,
  session_id: session_id !== null && sees(streamName('session', session_id)) ? session_id : null,
  task_id: task_id !== null && sees(streamName('task', task_id)) ? task_id : null,
  operation: null,
  causation_id: null,
});

interface Step {
  relation: string;
  stream: string;
  version: number | null;
  position: number | null;
  said_at: number;
  operation: string | null;
}

interface Told {
  steps: Step[];
  /** There may be more that was not looked at. */
  cut: boolean;
}

/** The first of what each question finds that somebody sees. */
function told(db: Reader, questions: Sql[], sees: Sees | undefined): Told {
  const found = questions.map((question): Told => {
    const steps: Step[] = [];
    let looked = 0;
    for (const step of db.iterate<Step>(question)) {
      if (++looked > MAX_LOOKED) return { steps, cut: true };
      if (sees === undefined) steps.push(step);
      else if (sees(step.stream)) steps.push({ ...step, operation: null });
      if (steps.length > MAX_LINKS) break;
    }
    return { steps, cut: false };
  });
  return { steps: found.flatMap(({ steps }) => steps), cut: found.some(({ cut }) => cut) };
}

function follow(start: string, next: (stream: string) => Told): { links: Link[]; truncated: boolean } {
  const links: Link[] = [];
  let truncated = false;
  const followed = new Set([start]);
  let ring = [start];
  for (let depth = 1; ring.length > 0; depth++) {
    if (depth > MAX_DEPTH) return { links, truncated: true };
    const farther: string[] = [];
    for (const of of ring) {
      const { steps, cut } = next(of);
      truncated ||= cut;
      for (const step of steps) {
        if (links.length === MAX_LINKS) return { links, truncated: true };
        links.push({ ...step, depth, of, ...thingOf(step.stream) });
        if (followed.has(step.stream)) continue;
        followed.add(step.stream);
        farther.push(step.stream);
      }
    }
    ring = farther;
  }
  return { links, truncated };
}

/** What a thing says that it was made of. */
const sourcesOf = (stream: string): Sql =>
  sql`SELECT p.relation, coalesce(p.source_stream, s.stream) AS stream, p.source_version AS version,
        p.source_position AS position, p.position AS said_at, e.correlation_id AS operation
      FROM provenance p JOIN audit e ON e.position = p.position
        LEFT JOIN audit s ON s.position = p.source_position
      WHERE p.stream = ${stream} AND coalesce(p.source_stream, s.stream) IS NOT NULL AND ${IS_TRUE}
      ORDER BY p.position, p.id`;

/** The sessions and tasks in which a memory was written. */
const settingOf = (stream: string): Sql[] =>
  stream.startsWith('memory:')
    ? (['session', 'task'] as const).map((kind) => {
        const column: Sql = { text: `${kind}_id`, params: [] };
        return sql`SELECT ${`written_in_${kind}`} AS relation,
              ${`${kind}:`} || ${streamPart(column.text)} AS stream,
              NULL AS version, NULL AS position, min(position) AS said_at, correlation_id AS operation
            FROM audit WHERE stream = ${stream} AND ${column} IS NOT NULL GROUP BY ${column} ORDER BY said_at`;
      })
    : [];

/** What says that it was made of a thing, or of an entry of its stream. */
const madeOf = (stream: string): Sql[] => [
  sql`SELECT p.relation, p.stream, NULL AS version, p.position, p.position AS said_at, e.correlation_id AS operation
      FROM provenance p JOIN audit e ON e.position = p.position
      WHERE p.source_stream = ${stream} ORDER BY p.position`,
  sql`SELECT p.relation, p.stream, NULL AS version, p.position, p.position AS said_at, e.correlation_id AS operation
      FROM audit s JOIN provenance p ON p.source_position = s.position JOIN audit e ON e.position = p.position
      WHERE s.stream = ${stream} AND ${IS_TRUE} ORDER BY p.position`,
];

/**
 * Entries of other things that were made of what these events made, and that still stand: who takes the events back
 * would leave them without what they came from.
 */
export function dependsOn(db: Reader, own: Recorded[]): number[] {
  const [{ stream }] = own as [Recorded];
  const versions = new Set(own.map(({ data }) => (data as { version?: number }).version));
  const byThing = db.all<{ position: number; made: string; version: number | null }>(
    sql`SELECT position, stream AS made, source_version AS version FROM provenance
        WHERE source_stream = ${stream} AND position > ${own[0]!.position} AND stream <> ${stream} LIMIT ${MAX_LINKS}`,
  );
  const byEntry = own.flatMap(({ position: source }) =>
    db.all<{ position: number; made: string; version: null }>(
      sql`SELECT p.position, p.stream AS made, NULL AS version
          FROM provenance p JOIN audit e ON e.position = p.position JOIN audit s ON s.position = p.source_position
          WHERE p.source_position = ${source} AND p.stream <> ${stream} AND ${IS_TRUE} LIMIT ${MAX_LINKS}`,
    ),
  );
  return [...byThing, ...byEntry]
    .filter(({ version, made }) => (version === null || versions.has(version)) && stands(db, made))
    .map(({ position }) => position);
}

/** Whether the last that the log knows of a memory is not that it went. */
function stands(db: Reader, stream: string): boolean {
  const last = db.one<{ memory_operation: string | null }>(
    sql`SELECT memory_operation FROM audit WHERE stream = ${stream} ORDER BY stream_version DESC LIMIT 1`,
  );
  return last?.memory_operation !== 'delete' && last?.memory_operation !== 'expire';
}
