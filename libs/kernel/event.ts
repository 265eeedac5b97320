import type { JsonObject } from './json.js';

/** What a memory event did to the memory: the vocabulary of the audit log. */
export type MemoryOperation = 'create' | 'update' | 'delete' | 'restore' | 'consolidate' | 'publish' | 'expire';

/** Whom and what an event is about: the columns that auditors filter by. */
export interface About {
  agent_id?: string | null;
  task_id?: string | null;
  session_id?: string | null;
  memory_operation?: MemoryOperation;
  memory_namespace?: string;
  /** Id of the memory version concerned; `'self'` for the version that this event makes. */
  memory_entry_id?: number | 'self';
}

/** A fact, as a decider states it. */
export interface DomainEvent<T extends string = string, D = object> {
  type: T;
  data: D;
  /** The client's own id of this event: unique in its stream, and the same id again changes nothing. */
  id?: string;
  /** Who did it, where that is not the caller. */
  actor?: string;
  about?: About;
}

/** A fact, as the log keeps it. `data` is always of today's shape: older ones are upcast on the way out. */
export interface Recorded<E extends DomainEvent = DomainEvent> {
  position: number;
  event_id: string;
  stream: string;
  /** Place in the stream: 1, 2, 3 … */
  version: number;
  type: E['type'];
  data: E['data'];
  /** Characters of its data, as it is stored. */
  size?: number;
  /** ISO-8601 UTC; never runs backwards along the log. */
  time: string;
  actor: string;
  correlation_id: string;
}

/** The event as a union member of today's catalog, keeping `type` and `data` tied together. */
export type RecordedOf<E extends DomainEvent> = E extends DomainEvent ? Recorded<E> : never;

/** Today's schema version of an event type, and how each older shape becomes the next one. */
export interface EventSchema {
  version: number;
  /** `upcasters[1]` turns the data of version 1 into version 2, and so on. */
  upcasters?: Record<number, (data: JsonObject, time: string) => JsonObject>;
  /** After this event its stream takes no other, and counts as gone for the expectation `exists`. */
  closes?: boolean;
}

/** Every event type that the log accepts. */
export type EventCatalog = Record<string, EventSchema>;
