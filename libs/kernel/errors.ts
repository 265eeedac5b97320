/**
 * The one error of the domain. It says what is wrong, with which value, and what to do next; only a door
 * (the problem filter, the command line) decides how that is shown.
 */

/** What kind of failure it is: the doors map a kind to a status or an exit code, and nothing else. */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'version-conflict'
  | 'key-reused'
  | 'too-large'
  | 'rate-limited'
  | 'unavailable'
  | 'storage-full';

/** One field of the input that is wrong. */
export interface FieldError {
  field: string;
  detail: string;
}

export interface ErrorDetails {
  /** Which fields of the input are wrong. */
  errors?: FieldError[];
  /** The version that the caller should have expected; `null` when there is nothing at that address. */
  current_version?: number | null;
  /** What to do about it. */
  hint?: string;
  /** Which of several steps failed, from 0. */
  failed_step?: number;
  /** Seconds after which trying again makes sense. */
  retry_after?: number;
}

export class DomainError extends Error {
  override readonly name = 'DomainError';

  constructor(
    readonly kind: ErrorKind,
    /** Stable, kebab-case name of the error: the last segment of the problem's `type`. */
    readonly code: string,
    message: string,
    readonly details: ErrorDetails = {},
  ) {
    super(message);
  }

  /** The plain form that crosses a thread border. */
  toJSON(): SerializedDomainError {
    return { kind: this.kind, code: this.code, message: this.message, details: this.details };
  }

  static from({ kind, code, message, details }: SerializedDomainError): DomainError {
    return new DomainError(kind, code, message, details);
  }
}

export type SerializedDomainError = Pick<DomainError, 'kind' | 'code' | 'message' | 'details'>;

export const invalid = (field: string, detail: string, hint?: string): DomainError =>
  new DomainError('invalid', 'invalid-request', `${field}: ${detail}`, { errors: [{ field, detail }], hint });

export const notFound = (what: string, id: string): DomainError =>
  new DomainError('not-found', `${what}-not-found`, `There is no ${what} ${id}.`);

export const conflict = (code: string, message: string, hint?: string): DomainError =>
  new DomainError('conflict', code, message, { hint });

export const versionConflict = (what: string, expected: string, current: number | null): DomainError =>
  new DomainError(
    'version-conflict',
    'version-conflict',
    current === null
      ? `Expected ${expected} of ${what}, but it does not exist.`
      : `Expected ${expected} of ${what}, but it is at version ${current}.`,
    { current_version: current, hint: 'Read it again, decide anew and send the version you saw.' },
  );
