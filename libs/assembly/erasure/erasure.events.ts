import type { DomainEvent, EventCatalog } from '#kernel';

export const SUBJECT_KINDS = ['user', 'session', 'namespace'] as const;
export type SubjectKind = (typeof SUBJECT_KINDS)[number];

/** Whose data goes. */
export interface Subject {
  kind: SubjectKind;
  id: string;
}

/** Entries of the log from the first to the last, and how the hashes of these two begin: which log this speaks of. */
export type ErasedRange = [first: number, last: number, first_hash: string, last_hash: string];

/** Rows by table. */
export type RowCounts = Record<string, number>;

/** An order to erase. It names the subject by a keyed digest, and what goes by positions: nothing in it tells of anybody. */
export type SubjectErased = DomainEvent<
  'SubjectErased',
  {
    erasure_id: string;
    subject_kind: SubjectKind;
    subject_ref: string;
    reason: string;
    requested_by: string;
    /** ISO-8601 UTC. */
    requested_at: string;
    entries: number;
    ranges: ErasedRange[];
    /** Rows that were found, by table. */
    counts: RowCounts;
  }
>;

/** Everything that was ordered is gone from every place; how many rows were removed from each. */
export type ErasureCompleted = DomainEvent<'ErasureCompleted', { erasure_id: string; result: RowCounts }>;

export type ErasureEvent = SubjectErased | ErasureCompleted;

export const erasureCatalog: Record<ErasureEvent['type'], EventCatalog[string]> = {
  SubjectErased: { version: 1 },
  ErasureCompleted: { version: 1, closes: true },
};
