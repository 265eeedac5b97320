import type { DomainEvent, EventCatalog } from '#kernel';
import type { MemoryRef } from './memory.events.js';

/**
 * What two or more memories can have against each other: they say the same; they nearly do; one key means something in
 * several namespaces that one user sees; or two wrote to one memory without having seen each other.
 */
export const CONFLICT_KINDS = ['duplicate', 'near_duplicate', 'same_key', 'concurrent_writes'] as const;
export type ConflictKind = (typeof CONFLICT_KINDS)[number];

export const STRATEGIES = ['last_write_wins', 'merge', 'llm', 'manual'] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** `keep_all`: they are no conflict. `outdated`: a member has changed since, so it is not what was found. */
export type Resolution = Strategy | 'keep_all' | 'outdated';

export type ConflictDetected = DomainEvent<
  'ConflictDetected',
  {
    conflict_id: string;
    kind: ConflictKind;
    /** Whose memories they are: `user:alice`, `app:planner` … */
    namespace: string;
    /** Newest first. */
    members: MemoryRef[];
    reason: string;
  }
>;

export type ConflictResolved = DomainEvent<
  'ConflictResolved',
  {
    conflict_id: string;
    strategy: Resolution;
    /** The version that says it now; `null` when nothing was written. */
    result: MemoryRef | null;
  }
>;

/** What resolved it was taken back. */
export type ConflictReopened = DomainEvent<'ConflictReopened', { conflict_id: string }>;

export type ConflictEvent = ConflictDetected | ConflictResolved | ConflictReopened;

export const conflictCatalog: Record<ConflictEvent['type'], EventCatalog[string]> = {
  ConflictDetected: { version: 1 },
  ConflictResolved: { version: 1 },
  ConflictReopened: { version: 1 },
};
