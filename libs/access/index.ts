import type { Feature } from '#projections';
import { apiKeyCatalog } from './api-key.events.js';
import { apiKey } from './api-key.decider.js';
import { apiKeysProjector } from './api-key.projector.js';
import { apiKeyReads } from './api-key.reads.js';
import { apiKeyUndoes } from './api-key.undo.js';

/** What writer and reader threads need to know. */
export const access: Feature = {
  catalog: apiKeyCatalog,
  deciders: [apiKey],
  projectors: [apiKeysProjector],
  reads: apiKeyReads,
  undoes: apiKeyUndoes,
};

export { apiKey } from './api-key.decider.js';
export type { ApiKey } from './api-key.reads.js';
export { ApiKeys, type CreatedKey, type KeyHolder, type NewKey } from './api-keys.js';
export { macOf, makeKey, matches, readKey, type SpelledKey } from './key.js';
export { isLoopback } from './loopback.js';
export { pepperIn } from './pepper.js';
export { judge, visibleTo, type Scope, type Verdict } from './policy.js';
export { ROLES, type Bound, type Principal, type Right, type Role } from './principal.js';
export { isSeen, isSeenOfSession, seesNamespace, seesOfSession, seesSession } from './visible.js';
