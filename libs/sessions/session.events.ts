import type { DomainEvent, EventCatalog, Json, JsonObject } from '#kernel';

export const SESSION_STATUSES = ['created', 'active', 'paused', 'terminated', 'archived'] as const;
export type SessionStatus = (typeof SESSION_STATUSES)[number];

export const EVENT_TYPES = ['message', 'action', 'tool_call', 'reflection', 'state_change'] as const;
export type SessionEventType = (typeof EVENT_TYPES)[number];

/** Values by key, as they were set; keys carry their scope as a prefix. */
export type StateDelta = { [key: string]: Json };

/** Whose shared state a delta changes: only the scopes that occur in it. */
export type Owners = { user?: string; app?: string; project?: string };

export type SessionCreated = DomainEvent<
  'SessionCreated',
  {
    session_id: string;
    app_name: string;
    user_id: string;
    project_id: string | null;
    metadata: JsonObject;
    state: StateDelta;
    owners: Owners;
    forked_from?: { session_id: string; version: number };
  }
>;

export type SessionEventAppended = DomainEvent<
  'SessionEventAppended',
  {
    session_id: string;
    event_type: SessionEventType;
    /** The client's time of the event, ISO-8601 UTC. */
    timestamp: string;
    content: JsonObject;
    state_delta?: StateDelta;
    owners: Owners;
    is_final_response: boolean;
    /** A fork's copy: it tells what happened, but its delta is not applied again. */
    copied?: true;
  }
>;

export type SessionStateSet = DomainEvent<
  'SessionStateSet',
  { session_id: string; state_delta: StateDelta; owners: Owners }
>;

/** Values as they were before something that was taken back; `removed` are keys that were not there. */
export type SessionStateSetBack = DomainEvent<
  'SessionStateSetBack',
  { session_id: string; state_delta: StateDelta; removed: string[]; owners: Owners }
>;

export type SessionStatusChanged = DomainEvent<
  'SessionStatusChanged',
  { session_id: string; from: SessionStatus; to: SessionStatus }
>;

export type SessionDeleted = DomainEvent<'SessionDeleted', { session_id: string }>;

export type SessionEvent =
  SessionCreated | SessionEventAppended | SessionStateSet | SessionStateSetBack | SessionStatusChanged | SessionDeleted;

export const sessionCatalog: Record<SessionEvent['type'], EventCatalog[string]> = {
  SessionCreated: { version: 1 },
  SessionEventAppended: { version: 1 },
  SessionStateSet: { version: 1 },
  SessionStateSetBack: { version: 1 },
  SessionStatusChanged: { version: 1 },
  SessionDeleted: { version: 1, closes: true },
};
