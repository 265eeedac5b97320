import {
  decodeCursor,
  notFound,
  SHOWN_BY,
  speakerOf,
  toPage,
  type Json,
  type JsonObject,
  type Page,
  type Visibility,
} from '#kernel';
import { seesSession } from '#access';
import type { Snapshot } from '#audit-log';
import { and, defineRead, sql, type Reader, type Sql } from '#storage';
import { sessionStream } from './session.decider.js';
import type { SessionEventType, SessionStatus, StateDelta } from './session.events.js';
import { candidates, emptyState, ownersOf, scopeOf, type StateScope } from './state-scope.js';

export interface Session {
  session_id: string;
  app_name: string;
  user_id: string;
  project_id: string | null;
  status: SessionStatus;
  metadata: JsonObject;
  forked_from: { session_id: string; version: number } | null;
  created_at: string;
  last_update_time: string;
  terminated_at: string | null;
  archived_at: string | null;
  event_count: number;
  version: number;
}

/** An event of a session, as its client appended it. */
export interface SessionEventView {
  event_id: string;
  timestamp: string;
  event_type: SessionEventType;
  actor: string;
  content: JsonObject;
  state_delta?: StateDelta;
  is_final_response: boolean;
  version: number;
  position: number;
}

export interface SessionWithState extends Session {
  /** Merged view: the session's own keys and those that user, app and project share with it. */
  state: StateDelta;
  /**
   * Position since which others have changed what they share with this session; `null` when its own last event is
   * newer, and its version tells all. For cache validation.
   */
  shared_since: number | null;
}

export interface SessionWithEvents extends SessionWithState {
  events: SessionEventView[];
}

interface SessionRow extends Omit<Session, 'metadata' | 'forked_from'> {
  metadata: string;
  forked_from: string | null;
  position: number;
}

/** A session now, or as it was at a position. */
export const sessionState = defineRead(
  'sessions.with-state',
  (db, { session_id, as_of }: { session_id: string; as_of?: number }): SessionWithState => {
    const row = findSession(db, session_id, as_of);
    const { state, position } = mergedState(db, row, as_of);
    return { ...toSession(row), state, shared_since: position > row.position ? position : null };
  },
);

/** Whose a session is; `null`: there is none. */
export const sessionOwners = defineRead(
  'sessions.owners',
  (db, session_id: string): Pick<Session, 'app_name' | 'user_id' | 'project_id'> | null =>
    db.one<Pick<Session, 'app_name' | 'user_id' | 'project_id'>>(
      sql`SELECT app_name, user_id, project_id FROM sessions WHERE session_id = ${session_id}`,
    ) ?? null,
);

/** A session at a position, as far as two positions are compared: its status, its state, what is said of it. */
export function sessionSnapshot(db: Reader, [session_id]: string[], as_of: number): Snapshot | null {
  const row = sessionAt(db, session_id!, as_of);
  if (row === undefined) return null;
  const { status, metadata, event_count, version } = toSession(row);
  return { version, document: { status, metadata, event_count, state: mergedState(db, row, as_of).state } };
}

/** The merged state as of a position: what an append answers with, also when it answers again later. */
export const stateAt = defineRead(
  'sessions.state-at',
  (db, { session_id, as_of }: { session_id: string; as_of: number }): StateDelta => {
    const now = db.one<SessionRow>(sql`SELECT ${sessionColumns} FROM sessions WHERE session_id = ${session_id}`);
    return mergedState(db, now ?? findSession(db, session_id, as_of), as_of).state;
  },
);

export interface SessionInput {
  session_id: string;
  /** The newest so many events; 0 means none. */
  num_recent_events: number;
  /** Only events of this time or later, ISO-8601 UTC. */
  after_timestamp?: string;
  as_of?: number;
}

export const sessionWithEvents = defineRead(
  'sessions.with-events',
  (db, { session_id, num_recent_events, after_timestamp, as_of }: SessionInput): SessionWithEvents => {
    const session = sessionState.run(db, { session_id, as_of });
    const conditions = eventsOf(session_id);
    if (as_of !== undefined) conditions.push(sql`position <= ${as_of}`);
    if (after_timestamp !== undefined) conditions.push(sql`json_extract(data, '$.timestamp') >= ${after_timestamp}`);
    const events = db
      .all<EventRow>(
        sql`SELECT ${eventColumns} FROM audit WHERE ${and(conditions)}
                         ORDER BY stream_version DESC LIMIT ${num_recent_events}`,
      )
      .map(toEvent)
      .toReversed();
    return { ...session, events };
  },
);

export interface SessionPageInput {
  app_name?: string;
  user_id?: string;
  project_id?: string;
  status?: SessionStatus;
  limit: number;
  cursor?: string;
  /** Only what somebody sees. */
  visible?: Visibility;
}

/** Sessions without their events, newest update first. */
export const sessionsPage = defineRead(
  'sessions.page',
  (db, { limit, cursor, visible, ...filter }: SessionPageInput): Page<Session> => {
    const list = ['sessions', filter, ...(visible === undefined ? [] : [visible])];
    const conditions = Object.entries(filter)
      .filter(([, value]) => value !== undefined)
      .map(([column, value]) => sql`${{ text: column, params: [] }} = ${value!}`);
    if (visible !== undefined) conditions.push(seesSession(visible, 'sessions'));
    const [time, id] = decodeCursor<[string, number]>(list, cursor) ?? [];
    if (time !== undefined) conditions.push(sql`(last_update_time, id) < (${time}, ${id!})`);
    const rows = db.all<SessionRow & { id: number }>(
      sql`SELECT id, ${sessionColumns} FROM sessions WHERE ${and(conditions)}
          ORDER BY last_update_time DESC, id DESC LIMIT ${limit + 1}`,
    );
    return toPage(list, rows, limit, (row) => [row.last_update_time, row.id], toSession);
  },
);

export interface SessionEventsInput {
  session_id: string;
  order: 'asc' | 'desc';
  event_type?: SessionEventType;
  actor?: string;
  limit: number;
  cursor?: string;
  as_of?: number;
}

export const sessionEventsPage = defineRead(
  'sessions.events',
  (db, { session_id, order, event_type, actor, limit, cursor, as_of }: SessionEventsInput): Page<SessionEventView> => {
    findSession(db, session_id, as_of);
    const list = ['session-events', session_id, order, event_type, actor];
    const conditions = eventsOf(session_id);
    if (event_type !== undefined) conditions.push(sql`json_extract(data, '$.event_type') = ${event_type}`);
    if (actor !== undefined) conditions.push(spokenBy(actor));
    if (as_of !== undefined) conditions.push(sql`position <= ${as_of}`);
    const [last] = decodeCursor<[number]>(list, cursor) ?? [];
    if (last !== undefined) {
      conditions.push(order === 'asc' ? sql`stream_version > ${last}` : sql`stream_version < ${last}`);
    }
    const direction: Sql = { text: order === 'asc' ? 'ASC' : 'DESC', params: [] };
    const rows = db.all<EventRow>(
      sql`SELECT ${eventColumns} FROM audit WHERE ${and(conditions)}
          ORDER BY stream_version ${direction} LIMIT ${limit + 1}`,
    );
    return toPage(list, rows, limit, ({ version }) => [version], toEvent);
  },
);

export interface StateEntry {
  key: string;
  value: Json;
  scope: StateScope;
}

export interface StateEntryInput {
  session_id: string;
  key: string;
  /** Look the bare name up in all scopes: temp, session, user, app, project. */
  resolve: boolean;
  as_of?: number;
}

export const stateEntry = defineRead('sessions.state-entry', (db, input: StateEntryInput): StateEntry => {
  const { state } = sessionState.run(db, input);
  const names = input.resolve ? candidates(input.key) : [input.key];
  const key = names.find((name) => Object.hasOwn(state, name));
  if (key === undefined) throw notFound('state-key', input.key);
  return { key, value: state[key]!, scope: scopeOf(key) };
});

/** Sessions that were terminated before a moment and are not archived yet, oldest first. */
export const sessionsToArchive = defineRead(
  'sessions.to-archive',
  (db, { before, limit }: { before: string; limit: number }): string[] =>
    db
      .all<{ session_id: string }>(
        sql`SELECT session_id FROM sessions WHERE status = 'terminated' AND last_update_time < ${before}
            ORDER BY last_update_time LIMIT ${limit}`,
      )
      .map(({ session_id }) => session_id),
);

export const sessionReads = [
  sessionOwners,
  sessionState,
  stateAt,
  sessionWithEvents,
  sessionsPage,
  sessionEventsPage,
  stateEntry,
  sessionsToArchive,
];

const sessionColumns: Sql = {
  text: `session_id, app_name, user_id, project_id, status, metadata, forked_from, created_at, last_update_time,
    terminated_at, archived_at, event_count, version, position`,
  params: [],
};

function findSession(db: Reader, sessionId: string, asOf: number | undefined): SessionRow {
  const found = sessionAt(db, sessionId, asOf);
  if (found === undefined) throw notFound('session', sessionId);
  return found;
}

function sessionAt(db: Reader, sessionId: string, asOf: number | undefined): SessionRow | undefined {
  const row = db.one<SessionRow>(sql`SELECT ${sessionColumns} FROM sessions WHERE session_id = ${sessionId}`);
  // What the table shows has held since its last event; anything earlier is told by the log.
  return asOf === undefined || (row !== undefined && row.position <= asOf) ? row : pastSession(db, sessionId, asOf);
}

/** The row as it was at a position, from the session's own stream. */
function pastSession(db: Reader, sessionId: string, asOf: number): SessionRow | undefined {
  const stream = sessionStream(sessionId);
  const turns = db.all<{ type: string; data: string; time: string; version: number; position: number }>(
    sql`SELECT type, data, timestamp AS time, stream_version AS version, position FROM audit
        WHERE stream = ${stream} AND position <= ${asOf} AND type <> 'SessionEventAppended' ORDER BY stream_version`,
  );
  const appended = db.one<{ count: number; time: string | null; version: number; position: number }>(
    sql`SELECT count(*) AS count, max(timestamp) AS time, max(stream_version) AS version, max(position) AS position
        FROM audit WHERE stream = ${stream} AND position <= ${asOf} AND type = 'SessionEventAppended'`,
  )!;
  let row: SessionRow | undefined;
  for (const { type, data, time, version, position } of turns) {
    const content = JSON.parse(data) as JsonObject;
    if (type === 'SessionCreated') row = newRow(content, time, position);
    else if (type === 'SessionDeleted') row = undefined;
    else if (row !== undefined) {
      row = { ...row, last_update_time: time, version, position };
      if (type === 'SessionStatusChanged') {
        row.status = content['to'] as SessionStatus;
        if (row.status === 'terminated') row.terminated_at = time;
        if (row.status === 'archived') row.archived_at = time;
      }
    }
  }
  if (row === undefined || appended.count === 0) return row;
  return {
    ...row,
    status: row.status === 'created' ? 'active' : row.status,
    event_count: appended.count,
    last_update_time: appended.time! > row.last_update_time ? appended.time! : row.last_update_time,
    version: Math.max(row.version, appended.version),
    position: Math.max(row.position, appended.position),
  };
}

function newRow(created: JsonObject, time: string, position: number): SessionRow {
  return {
    session_id: created['session_id'] as string,
    app_name: created['app_name'] as string,
    user_id: created['user_id'] as string,
    project_id: created['project_id'] as string | null,
    metadata: JSON.stringify(created['metadata']),
    forked_from: created['forked_from'] === undefined ? null : JSON.stringify(created['forked_from']),
    status: 'created',
    created_at: time,
    last_update_time: time,
    terminated_at: null,
    archived_at: null,
    event_count: 0,
    version: 1,
    position,
  };
}

function toSession({ metadata, forked_from, ...row }: SessionRow): Session {
  const { position: _, id: __, ...fields } = row as typeof row & { id?: number };
  return {
    ...fields,
    metadata: JSON.parse(metadata) as JsonObject,
    forked_from: forked_from === null ? null : (JSON.parse(forked_from) as Session['forked_from']),
  };
}

/** Own and shared keys of a session; each key carries its scope, so nothing hides anything else. */
function mergedState(
  db: Reader,
  session: SessionRow,
  asOf: number | undefined,
): { state: StateDelta; position: number } {
  const { user, app, project } = ownersOf(session);
  const owners = [
    ['session', sessionStream(session.session_id)],
    ['user', user],
    ['app', app],
    ['project', project],
  ] as const;
  const state = emptyState();
  let position = 0;
  for (const [scope, owner] of owners) {
    if (owner === undefined) continue;
    for (const row of stateRows(db, scope, owner, asOf)) {
      state[row.key] = JSON.parse(row.value) as Json;
      position = Math.max(position, row.from_position);
    }
  }
  return { state, position };
}

function stateRows(
  db: Reader,
  scope: string,
  owner: string,
  asOf: number | undefined,
): { key: string; value: string; from_position: number }[] {
  return asOf === undefined
    ? db.all(
        sql`SELECT key, value, from_position FROM scoped_state
            WHERE scope = ${scope} AND owner = ${owner} AND to_position IS NULL ORDER BY key`,
      )
    : db.all(
        sql`SELECT key, value, from_position FROM scoped_state
            WHERE scope = ${scope} AND owner = ${owner} AND from_position <= ${asOf}
              AND (to_position IS NULL OR to_position > ${asOf}) ORDER BY key`,
      );
}

interface EventRow {
  event_id: string | null;
  actor: string;
  version: number;
  position: number;
  data: string;
}

const eventColumns: Sql = { text: 'event_id, actor, stream_version AS version, position, data', params: [] };

/** Whoever said it, with whatever key: `:` is followed by `;`. */
const spokenBy = (actor: string): Sql =>
  sql`(actor = ${actor} OR (actor >= ${actor + SHOWN_BY} AND actor < ${`${actor}@key;`}))`;

const eventsOf = (sessionId: string): Sql[] => [
  sql`stream = ${sessionStream(sessionId)}`,
  sql`type = 'SessionEventAppended'`,
];

function toEvent({ event_id, actor, version, position, data }: EventRow): SessionEventView {
  const { session_id: _, owners: __, copied: ___, ...event } = JSON.parse(data) as JsonObject;
  return {
    event_id: event_id ?? `pos-${position}`,
    ...(event as unknown as Pick<SessionEventView, 'timestamp' | 'event_type' | 'content' | 'is_final_response'>),
    actor: speakerOf(actor),
    version,
    position,
  };
}
