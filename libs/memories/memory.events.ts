import type { DomainEvent, EventCatalog, JsonObject, MemoryOperation } from '#kernel';

export const MEMORY_TYPES = ['semantic', 'episodic', 'procedural'] as const;
export type MemoryType = (typeof MEMORY_TYPES)[number];

/** A version of a memory, by its address. */
export interface MemoryRef {
  namespace: string;
  key: string;
  version: number;
}

export type MemoryWritten = DomainEvent<
  'MemoryWritten',
  {
    namespace: string;
    key: string;
    /** 1, 2, 3 … along the life of this address. */
    version: number;
    memory_type: MemoryType;
    value: JsonObject;
    metadata: JsonObject;
    operation: Extract<MemoryOperation, 'create' | 'update' | 'restore' | 'publish' | 'consolidate'>;
    ttl_seconds: number | null;
    /** ISO-8601 UTC; `null`: it never expires. */
    expires_at: string | null;
    task_id: string | null;
    session_id: string | null;
    /** The version whose content this one has again. */
    restored_from?: number;
    published_from?: MemoryRef;
    /** The versions that this one was made of. */
    consolidated_from?: MemoryRef[];
    /** The version that the writer said it had seen. */
    seen?: number;
  }
>;

export type MemoryDeleted = DomainEvent<'MemoryDeleted', MemoryRef>;

/** What took it away is taken back: a deletion, that it was superseded, that it was archived. The content is the one it had. */
export type MemoryRestored = DomainEvent<'MemoryRestored', MemoryRef>;

/** It has faded: its life time was over, or somebody had those expire that are as old. Can be restored like a deleted one. */
export type MemoryExpired = DomainEvent<'MemoryExpired', MemoryRef & { reason: ExpiryReason }>;
export type ExpiryReason = 'ttl' | 'age';

/** Its content stands in another memory now: it leaves lists and searches, and can still be read. */
export type MemorySuperseded = DomainEvent<'MemorySuperseded', MemoryRef & { into: MemoryRef }>;

/** It has not been needed for long: it leaves lists and searches, and can still be read. */
export type MemoryArchived = DomainEvent<'MemoryArchived', MemoryRef>;

/** It is part of a conflict that somebody has to look at. */
export type MemoryFlagged = DomainEvent<'MemoryFlagged', MemoryRef & { conflict_id: string }>;

/** Somebody has looked; how many other conflicts it is still part of. */
export type MemoryReviewed = DomainEvent<'MemoryReviewed', MemoryRef & { conflict_id: string; flags_left: number }>;

export type MemoryEvent =
  | MemoryWritten
  | MemoryDeleted
  | MemoryRestored
  | MemoryExpired
  | MemorySuperseded
  | MemoryArchived
  | MemoryFlagged
  | MemoryReviewed;

export const memoryCatalog: Record<MemoryEvent['type'], EventCatalog[string]> = {
  MemoryWritten: {
    version: 2,
    // Version 1 knew only how long a memory lives, not when it ends.
    upcasters: { 1: (data, time) => ({ ...data, expires_at: expiry(time, data['ttl_seconds'] as number | null) }) },
  },
  MemoryDeleted: { version: 1 },
  MemoryRestored: { version: 1 },
  MemoryExpired: { version: 1 },
  MemorySuperseded: { version: 1 },
  MemoryArchived: { version: 1 },
  MemoryFlagged: { version: 1 },
  MemoryReviewed: { version: 1 },
};

/** When something written at `time` (ISO-8601) ends after `ttlSeconds`. */
export const expiry = (time: string, ttlSeconds: number | null): string | null =>
  ttlSeconds === null ? null : new Date(Date.parse(time) + ttlSeconds * 1000).toISOString();
