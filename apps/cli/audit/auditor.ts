import type { AuditEvent, AuditFilter, Change, ExportFilter, Why } from '#audit-log';
import type { RevertResult } from '#assembly/module';
import type { Page } from '#kernel';

export interface ListInput extends AuditFilter {
  after?: number;
  order: 'asc' | 'desc';
  limit: number;
  cursor?: string;
}

export interface DiffInput {
  from: string;
  to: string;
  namespace_prefix?: string;
  session_id?: string;
}

/** What auditors ask of a log, wherever it is. */
export interface Auditor {
  list(input: ListInput): Promise<Page<AuditEvent>>;
  show(position: number): Promise<AuditEvent>;
  /** Entries after a position, for as long as the signal lets them come; by default what comes next. */
  follow(filter: ExportFilter, signal: AbortSignal): AsyncIterable<AuditEvent>;
  /** Whole lines, in pieces. */
  export(filter: ExportFilter): AsyncIterable<string>;
  diff(input: DiffInput): AsyncIterable<Change[]>;
  why(namespace: string, key: string): Promise<Why>;
  revert(operation: string, dry_run: boolean): Promise<RevertResult>;
  /** The signed head of the log. */
  checkpoint(): Promise<string>;
  /** The public keys that sign it, one to a line. */
  publicKeys(): Promise<string>;
  /** That an entry is in the log. */
  proof(position: number): Promise<string>;
  close(): void;
}
