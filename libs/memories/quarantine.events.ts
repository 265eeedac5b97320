import type { DomainEvent, EventCatalog } from '#kernel';

/** Where something came from: whatever all of these say that are given. */
export interface QuarantineSource {
  session_id?: string;
  /** Who wrote, as the log names it: `agent:<id>`, a user. */
  actor?: string;
  /** The id of the API key that it was written with; who writes with one is `<role>:<key>`. */
  key?: string;
  /** ISO-8601 UTC, inclusive. */
  from?: string;
  /** ISO-8601 UTC, inclusive; left out, also what is still to come. */
  to?: string;
  correlation_id?: string;
}

/** Entries of the log from the first to the last. */
export type EntryRange = [first: number, last: number];

/** What was written by then, and what was made of it, is named; what is written later is known by where it comes from. */
export type QuarantineImposed = DomainEvent<
  'QuarantineImposed',
  { quarantine_id: string; source: QuarantineSource; reason: string; entries: EntryRange[] }
>;

export type QuarantineLifted = DomainEvent<'QuarantineLifted', { quarantine_id: string }>;

export type QuarantineEvent = QuarantineImposed | QuarantineLifted;

export const quarantineCatalog: Record<QuarantineEvent['type'], EventCatalog[string]> = {
  QuarantineImposed: { version: 1 },
  QuarantineLifted: { version: 1 },
};
