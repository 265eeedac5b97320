import type { Feature } from '#projections';
import { apiKeyCatalog } from './api-key.events.js';
import { apiKey } from './api-key.decider.js';
import { apiKeysProjector } from './api-key.projector.js';
import { apiKeyReads } from './api-key.reads.js';
import { apiKeyUndoes } from './api-key.undo.js';
import { readAudit } from './read-audit.decider.js';
import { readAuditCatalog } from './read-audit.events.js';
import { readAuditUndoes } from './read-audit.undo.js';

/** What writer and reader threads need to know. */
export const access: Feature = {
  catalog: { ...apiKeyCatalog, ...readAuditCatalog },
  deciders: [apiKey, readAudit],
  projectors: [apiKeysProjector],
  reads: apiKeyReads,
  undoes: { ...apiKeyUndoes, ...readAuditUndoes },
};

export { apiKey } from './api-key.decider.js';
export type { ApiKey } from './api-key.reads.js';
export { ApiKeys, type CreatedKey, type KeyHolder, type NewKey } from './api-keys.js';
export { KeyUses, noteKeyUses, type KeyUse } from './key-uses.js';
export { isSame, macOf, makeKey, readKey, type SpelledKey } from './key.js';
export { isLoopback } from './loopback.js';
export { pepperIn } from './pepper.js';
export { judge, visibleTo, type Scope, type Verdict } from './policy.js';
export { ROLES, type Bound, type Principal, type Right, type Role } from './principal.js';
export { ReadAudit } from './read-audit.js';
export { readAudit, type Reader } from './read-audit.decider.js';
export { readAuditCatalog, READ_OPERATIONS, type ReadOperation, type RecordedRead } from './read-audit.events.js';
export { isSeen, isSeenOfSession, seesNamespace, seesOfSession, seesSession } from './visible.js';
