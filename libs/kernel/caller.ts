/** Whose things somebody sees: those of these users, of the app, and of these projects. */
export interface Visibility {
  app: string;
  users: string[];
  projects: string[];
}

/** Between who somebody says they speak for and the key that they have shown, in what the log records of both. */
export const SHOWN_BY = '@key:';

/** Whom an actor says it speaks for, without the key. */
export const speakerOf = (actor: string): string => actor.split(SHOWN_BY, 1)[0]!;

/** Who asks, when, and under which ids: everything a rule must not read from the world by itself. */
export interface Caller {
  /** `user`, `agent:<id>`, `system`, `key:<id>` … as the log records it. */
  actor: string;
  /** Whether the actor has shown a key: then whoever a body names is only a label beside it. */
  authenticated?: boolean;
  /** ISO-8601 UTC with milliseconds: the moment of the request. */
  time: string;
  request_id: string;
  /** Ties all events of one piece of work together; the client's `X-Correlation-Id`, else the request's id. */
  correlation_id: string;
  causation_id?: string;
  /** Whose things lists and searches show; everything where it is left out. */
  visible?: Visibility;
  /** Version that the write expects (`If-Match`). */
  if_match?: number;
  /** The client's `Idempotency-Key` with a digest of what it was used for. */
  idempotency?: { key: string; fingerprint: string };
}
