import { canonicalJson, type Recorded } from '#kernel';
import { projector } from '#projections';
import { sql, type Sql } from '#storage';
import { sessionStream } from './session.decider.js';
import type { Owners, SessionEvent, StateDelta } from './session.events.js';
import { isShared, scopeOf } from './state-scope.js';

/** Tables `sessions` and `scoped_state`. */
export const sessionsProjector = projector<SessionEvent>('sessions', {
  mode: 'inline',
  tables: ['sessions', 'scoped_state'],
  on: {
    SessionCreated: ({ data, position, version, time }) => [
      sql`INSERT INTO sessions (id, session_id, app_name, user_id, project_id, status, metadata, forked_from,
            created_at, last_update_time, event_count, version, position)
          VALUES (${position}, ${data.session_id}, ${data.app_name}, ${data.user_id}, ${data.project_id}, 'created',
            ${canonicalJson(data.metadata)}, ${data.forked_from ? canonicalJson(data.forked_from) : null},
            ${time}, ${time}, 0, ${version}, ${position})`,
      ...setState(data.session_id, data.state, data.owners, position),
    ],

    SessionEventAppended: ({ data, position, version, time }) => [
      sql`UPDATE sessions SET status = CASE status WHEN 'created' THEN 'active' ELSE status END,
            event_count = event_count + 1, last_update_time = ${time}, version = ${version}, position = ${position}
          WHERE session_id = ${data.session_id}`,
      ...(data.state_delta === undefined || data.copied
        ? []
        : setState(data.session_id, data.state_delta, data.owners, position)),
    ],

    SessionStateSet: (event) => [
      touch(event),
      ...setState(event.data.session_id, event.data.state_delta, event.data.owners, event.position),
    ],

    SessionStateSetBack: (event) => [
      touch(event),
      ...setState(event.data.session_id, event.data.state_delta, event.data.owners, event.position),
      ...event.data.removed.map((key) => endState(key, event.data.session_id, event.data.owners, event.position)),
    ],

    SessionStatusChanged: (event) => {
      const { session_id, to } = event.data;
      const { time, position } = event;
      const change = sql`UPDATE sessions SET status = ${to} WHERE session_id = ${session_id}`;
      if (to === 'terminated') {
        return [
          touch(event),
          change,
          sql`UPDATE sessions SET terminated_at = ${time} WHERE session_id = ${session_id}`,
          endOwnState(session_id, position),
        ];
      }
      if (to === 'archived') {
        return [touch(event), change, sql`UPDATE sessions SET archived_at = ${time} WHERE session_id = ${session_id}`];
      }
      return [touch(event), change];
    },

    SessionDeleted: ({ data: { session_id }, position }) => [
      sql`DELETE FROM sessions WHERE session_id = ${session_id}`,
      endOwnState(session_id, position),
    ],
  },
});

const touch = ({ data, position, version, time }: Recorded<SessionEvent>): Sql =>
  sql`UPDATE sessions SET last_update_time = ${time}, version = ${version}, position = ${position}
      WHERE session_id = ${data.session_id}`;

/** A key's current value ends where its next one begins. */
function setState(sessionId: string, delta: StateDelta, owners: Owners, position: number): Sql[] {
  return Object.keys(delta).flatMap((key) => {
    const scope = scopeOf(key);
    const owner = ownerOf(key, sessionId, owners);
    return [
      endState(key, sessionId, owners, position),
      sql`INSERT INTO scoped_state (scope, owner, key, value, from_position)
          VALUES (${scope}, ${owner}, ${key}, ${canonicalJson(delta[key])}, ${position})`,
    ];
  });
}

const endState = (key: string, sessionId: string, owners: Owners, position: number): Sql =>
  sql`UPDATE scoped_state SET to_position = ${position}
      WHERE scope = ${scopeOf(key)} AND owner = ${ownerOf(key, sessionId, owners)} AND key = ${key}
        AND to_position IS NULL`;

function ownerOf(key: string, sessionId: string, owners: Owners): string {
  const scope = scopeOf(key);
  return isShared(scope) ? owners[scope]! : sessionStream(sessionId);
}

const endOwnState = (sessionId: string, position: number): Sql =>
  sql`UPDATE scoped_state SET to_position = ${position}
      WHERE scope = 'session' AND owner = ${sessionStream(sessionId)} AND to_position IS NULL`;
