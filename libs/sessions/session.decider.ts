import { conflict, invalid, notFound, streamName, type Decider, type Json, type JsonObject } from '#kernel';
import type {
  Owners,
  SessionEvent,
  SessionEventAppended,
  SessionEventType,
  SessionStatus,
  StateDelta,
} from './session.events.js';
import { isShared, lasting, ownersFor, ownersOf, scopeOf } from './state-scope.js';

export interface NewSessionEvent {
  event_id?: string;
  /** ISO-8601 UTC. */
  timestamp: string;
  event_type: SessionEventType;
  actor: string;
  content: JsonObject;
  state_delta?: StateDelta;
  is_final_response: boolean;
}

export type SessionCommand =
  | {
      type: 'CreateSession';
      session_id: string;
      app_name: string;
      user_id: string;
      project_id: string | null;
      metadata: JsonObject;
      state: StateDelta;
      forked_from?: { session_id: string; version: number };
    }
  | { type: 'AppendEvents'; session_id: string; events: NewSessionEvent[]; copied?: boolean }
  | { type: 'SetState'; session_id: string; key: string; value: Json }
  /** Sets keys back to what they were, and removes those that were not there. */
  | { type: 'SetStateBack'; session_id: string; state: StateDelta; removed: string[] }
  | { type: 'ChangeStatus'; session_id: string; status: SessionStatus }
  | { type: 'DeleteSession'; session_id: string };

export type SessionState = { held: false; deleted: boolean } | { held: true; status: SessionStatus; owners: Owners };

/** `created → active ⇄ paused → terminated → archived`; an active session may be terminated, too. */
const NEXT: Record<SessionStatus, SessionStatus[]> = {
  created: ['active'],
  active: ['paused', 'terminated'],
  paused: ['active', 'terminated'],
  terminated: ['archived'],
  archived: [],
};

export const mayBecome = (from: SessionStatus, to: SessionStatus): boolean => NEXT[from].includes(to);

export const sessionStream = (sessionId: string): string => streamName('session', sessionId);

/** The session whose stream this is. */
export const sessionOf = (stream: string): string => decodeURIComponent(stream.slice(stream.indexOf(':') + 1));

export const session: Decider<SessionCommand, SessionEvent, SessionState> = {
  name: 'session',
  initial: { held: false, deleted: false },
  stream: ({ session_id }) => sessionStream(session_id),
  eventIds: (command) => (command.type === 'AppendEvents' ? command.events.map(({ event_id }) => event_id) : []),

  decide(command, state, { seen }) {
    const { session_id } = command;
    const about = { session_id };
    switch (command.type) {
      case 'CreateSession': {
        if (state.held) throw conflict('session-exists', `Session ${session_id} exists already.`);
        if (state.deleted) {
          throw conflict(
            'session-exists',
            `Session ${session_id} existed and was deleted.`,
            'Choose another id: its history stays.',
          );
        }
        const { type: _, state: initial, ...created } = command;
        const all = ownersOf(created);
        const kept = lasting(initial);
        assertOwned(kept, all, 'initial_state');
        return [{ type: 'SessionCreated', data: { ...created, state: kept, owners: ownersFor(kept, all) }, about }];
      }
      case 'AppendEvents': {
        const fresh = withoutRepetitions(command.events, seen);
        if (!state.held) throw notFound('session', session_id);
        if (fresh.length > 0) assertOpen(session_id, state.status);
        return fresh.map((event) => appended(session_id, event, state.owners, command.copied === true));
      }
      case 'SetState': {
        if (!state.held) throw notFound('session', session_id);
        assertOpen(session_id, state.status);
        const delta = lasting({ [command.key]: command.value });
        if (Object.keys(delta).length === 0) return [];
        assertOwned(delta, state.owners, 'key');
        return [
          {
            type: 'SessionStateSet',
            data: { session_id, state_delta: delta, owners: ownersFor(delta, state.owners) },
            about,
          },
        ];
      }
      case 'SetStateBack': {
        if (!state.held) throw notFound('session', session_id);
        const { state: delta, removed } = command;
        const keys = [...Object.keys(delta), ...removed];
        // What users, apps and projects share may be set back also through a session that has ended.
        if (keys.some((key) => !isShared(scopeOf(key)))) assertOpen(session_id, state.status);
        if (keys.length === 0) return [];
        const owners = ownersFor(Object.fromEntries(keys.map((key) => [key, null])), state.owners);
        return [{ type: 'SessionStateSetBack', data: { session_id, state_delta: delta, removed, owners }, about }];
      }
      case 'ChangeStatus': {
        if (!state.held) throw notFound('session', session_id);
        const { status: to } = command;
        if (state.status === to) return [];
        if (!mayBecome(state.status, to)) {
          const allowed = NEXT[state.status].join(' or ') || 'nothing else';
          throw conflict(
            'illegal-transition',
            `A session that is ${state.status} cannot become ${to}.`,
            `From here it can become ${allowed}.`,
          );
        }
        return [{ type: 'SessionStatusChanged', data: { session_id, from: state.status, to }, about }];
      }
      case 'DeleteSession':
        if (!state.held) throw notFound('session', session_id);
        return [{ type: 'SessionDeleted', data: { session_id }, about }];
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'SessionCreated':
        return { held: true, status: 'created', owners: ownersOf(event.data) };
      case 'SessionEventAppended':
        return state.held && state.status === 'created' ? { ...state, status: 'active' } : state;
      case 'SessionStateSet':
      case 'SessionStateSetBack':
        return state;
      case 'SessionStatusChanged':
        return state.held ? { ...state, status: event.data.to } : state;
      case 'SessionDeleted':
        return { held: false, deleted: true };
    }
  },
};

function appended(session_id: string, event: NewSessionEvent, owners: Owners, copied: boolean): SessionEventAppended {
  const { event_id, timestamp, event_type, actor, content, is_final_response } = event;
  const delta = event.state_delta && lasting(event.state_delta);
  if (delta !== undefined && !copied) assertOwned(delta, owners, 'state_delta');
  return {
    type: 'SessionEventAppended',
    id: event_id,
    actor,
    data: {
      session_id,
      event_type,
      timestamp,
      content,
      ...(delta === undefined ? {} : { state_delta: delta }),
      owners: delta === undefined || copied ? {} : ownersFor(delta, owners),
      is_final_response,
      ...(copied ? { copied: true as const } : {}),
    },
    about: { session_id },
  };
}

/** Events whose id the session holds already, or that come twice in this command, change nothing. */
function withoutRepetitions(events: NewSessionEvent[], seen: ReadonlySet<string>): NewSessionEvent[] {
  const known = new Set(seen);
  return events.filter(({ event_id }) => {
    if (event_id === undefined) return true;
    if (known.has(event_id)) return false;
    known.add(event_id);
    return true;
  });
}

function assertOpen(sessionId: string, status: SessionStatus): void {
  if (status === 'terminated' || status === 'archived') {
    throw conflict(
      `session-${status}`,
      `Session ${sessionId} is ${status} and takes nothing more.`,
      'Fork it to go on from where it ended.',
    );
  }
}

function assertOwned(delta: StateDelta, owners: Owners, field: string): void {
  const orphan = Object.keys(delta).find((key) => scopeOf(key) === 'project');
  if (orphan !== undefined && owners.project === undefined) {
    throw invalid(
      `${field}.${orphan}`,
      'needs a session that belongs to a project',
      'Create the session with a project_id.',
    );
  }
}
