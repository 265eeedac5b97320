import type { Caller, DomainEvent, Recorded } from '#kernel';

/** What a writer believes about a stream. `exists` also asks that it has not been closed. */
export type Expected = { exact: number } | 'none' | 'exists' | 'any';

export interface Condition {
  stream: string;
  expected: Expected;
}

/** An event and the stream it is for. */
export interface NewEvent extends DomainEvent {
  stream: string;
}

/** Everything that happens together or not at all. Streams in `conditions` need not be written to. */
export interface Commit {
  /** The same id again returns the first answer, even when its conditions are stale by now. */
  id: string;
  conditions: Condition[];
  events: NewEvent[];
  proposer: Pick<Caller, 'actor' | 'correlation_id' | 'causation_id'>;
  /** ISO-8601 UTC. The log keeps the later of this and its last entry's time. */
  time: string;
}

export interface CommittedEvent {
  stream: string;
  event_id: string;
  version: number;
  position: number;
}

export interface Receipt {
  events: CommittedEvent[];
  /** Position of the last event of this commit; of the head, when it has none. */
  position: number;
  /** The commit was known already: this is the first answer. */
  duplicate: boolean;
}

export interface Head {
  position: number;
  /** Hex SHA-256; zeros for an empty log. */
  entry_hash: string;
  /** ISO-8601 UTC; `null` for an empty log. */
  time: string | null;
}

export interface StreamSlice {
  /** First version wanted, inclusive; backwards, the last one. */
  from?: number;
  /** Last position that may be seen: the stream as it was then. */
  asOf?: number;
  limit?: number;
  backward?: boolean;
}

/**
 * The log as a port. When a commit resolves, strongly consistent projections have seen its events; positions are
 * dense and assigned at commit; a refused commit moves nothing.
 */
export interface AuditLog {
  commit(commit: Commit): Promise<Receipt>;
  readStream(stream: string, slice?: StreamSlice): Promise<Recorded[]>;
  /** Events after `position`, in order. */
  readAll(position: number, limit: number): Promise<Recorded[]>;
  /** Follows the log from `position` on until the signal aborts; never skips a position. */
  tail(position: number, signal: AbortSignal): AsyncIterable<Recorded>;
  head(): Promise<Head>;
}
