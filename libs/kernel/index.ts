export { SHOWN_BY, speakerOf, type Caller, type Visibility } from './caller.js';
export { decodeCursor, encodeCursor, toPage, type CursorKeys, type Page } from './cursor.js';
export type { AnyDecider, Decider, DecisionContext } from './decider.js';
export {
  conflict,
  DomainError,
  invalid,
  notFound,
  versionConflict,
  type ErrorDetails,
  type ErrorKind,
  type FieldError,
  type SerializedDomainError,
} from './errors.js';
export type { About, DomainEvent, EventCatalog, EventSchema, MemoryOperation, Recorded, RecordedOf } from './event.js';
export { assertStorable, assertText, canonicalJson, MAX_DEPTH, type Json, type JsonObject } from './json.js';
export {
  below,
  identifier,
  memoryKey,
  namespace,
  namespacePrefix,
  SCOPES,
  scopeOf,
  type Namespace,
} from './namespace.js';
export { streamName, streamParts } from './stream-name.js';
