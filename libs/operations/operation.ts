/** Work that takes longer than a request: it goes on after the answer, and can be asked about. */
export interface Operation {
  /** Also the correlation id of every event that it writes. */
  id: string;
  kind: string;
  status: OperationStatus;
  progress: Progress;
  /** What came of it; `null` until then. */
  result: object | null;
  /** Why it failed. */
  error: string | null;
  started_at: string;
  finished_at: string | null;
}

/** `interrupted`: the process that did it is gone. */
export const OPERATION_STATUSES = ['running', 'succeeded', 'failed', 'interrupted'] as const;
export type OperationStatus = (typeof OPERATION_STATUSES)[number];

export interface Progress {
  done: number;
  total: number;
}

/** Seconds without a sign of life after which whoever held something counts as gone. */
export const LEASE_SECONDS = 30;

/** How often a process says that it is still there, in milliseconds. */
export const BEAT_EVERY = 5000;
