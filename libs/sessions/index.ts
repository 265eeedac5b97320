import type { Feature } from '#projections';
import { session } from './session.decider.js';
import { sessionCatalog } from './session.events.js';
import { sessionsProjector } from './session.projector.js';
import { sessionReads, sessionSnapshot } from './session.reads.js';
import { sessionUndoes } from './session.undo.js';

/** What writer and reader threads need to know; the Nest side is `#sessions/module`. */
export const sessions: Feature = {
  catalog: sessionCatalog,
  deciders: [session],
  projectors: [sessionsProjector],
  reads: sessionReads,
  undoes: sessionUndoes,
  snapshots: { session: sessionSnapshot },
};

export { session, sessionStream, type NewSessionEvent } from './session.decider.js';
export {
  EVENT_TYPES,
  SESSION_STATUSES,
  type SessionEvent,
  type SessionEventType,
  type SessionStatus,
  type StateDelta,
} from './session.events.js';
export { sessionEventsPage, sessionOwners, sessionState, sessionsToArchive } from './session.reads.js';
export type { Session, SessionEventView, SessionWithEvents, SessionWithState, StateEntry } from './session.reads.js';
export { candidates, ownersOf, scopeOf, STATE_SCOPES, type StateScope } from './state-scope.js';
