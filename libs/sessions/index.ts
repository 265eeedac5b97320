import type { Feature } from '#projections';
import { session } from './session.decider.js';
import { sessionCatalog } from './session.events.js';
import { sessionsProjector } from './session.projector.js';
import { sessionReads } from './session.reads.js';

/** What writer and reader threads need to know; the Nest side is `#sessions/module`. */
export const sessions: Feature = {
  catalog: sessionCatalog,
  deciders: [session],
  projectors: [sessionsProjector],
  reads: sessionReads,
};

export { session, type NewSessionEvent } from './session.decider.js';
export {
  EVENT_TYPES,
  SESSION_STATUSES,
  type SessionEvent,
  type SessionEventType,
  type SessionStatus,
  type StateDelta,
} from './session.events.js';
export { sessionEventsPage, sessionState, sessionsToArchive } from './session.reads.js';
export type { Session, SessionEventView, SessionWithEvents, SessionWithState, StateEntry } from './session.reads.js';
export { ownersOf, STATE_SCOPES, type StateScope } from './state-scope.js';
