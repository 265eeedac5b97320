import type { DomainEvent, EventCatalog } from '#kernel';

/** What of memories, contexts and documents can be read. */
export const READ_OPERATIONS = [
  'get',
  'history',
  'diff',
  'outcomes',
  'why',
  'list',
  'search',
  'export',
  'conflicts',
  'conflict',
  'context',
  'contexts',
  'search-documents',
] as const;
export type ReadOperation = (typeof READ_OPERATIONS)[number];

/** One read, without a word of what was asked for or found. */
export interface RecordedRead {
  /** ISO-8601 UTC. */
  time: string;
  request_id: string;
  operation: ReadOperation;
  /** `denied`: there was no right to it; the answer does not tell that from `not-found`. */
  outcome: 'answered' | 'not-found' | 'denied';
  /** How much was given. */
  results: number;
  /** Of the memory, in the namespace that the entry is about. */
  key?: string;
  /** What else was asked for, as far as it is no content: `version`, `as_of`, `memory_type` … */
  asked?: Record<string, string | number | boolean>;
  /** SHA-256 of the text that was searched for, hex. */
  query_sha256?: string;
  /** SHA-256 of the canonical JSON of the other filters, hex. */
  filter_sha256?: string;
}

/**
 * What one actor has read of one namespace or session within a moment. The entry itself says who, and of which; so it is
 * found by these, and goes with them when they are erased.
 */
export type MemoriesRead = DomainEvent<'MemoriesRead', { reads: RecordedRead[] }>;

export const readAuditCatalog: Record<MemoriesRead['type'], EventCatalog[string]> = {
  MemoriesRead: { version: 1 },
};
