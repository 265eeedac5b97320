import { DomainError, type ErrorKind } from '#kernel';

/** Exit codes of the command line: 1 is an honest "no", the others are from sysexits(3). */
export const EXIT = {
  no: 1,
  usage: 64,
  data: 65,
  noInput: 66,
  unavailable: 69,
  software: 70,
  noPermission: 77,
  config: 78,
  interrupted: 130,
  /** As if the signal had ended it that says that nobody reads any more. */
  unread: 141,
} as const;

/** Why a command ended early, in a sentence, and what to do about it. */
export class Failure extends Error {
  override readonly name = 'Failure';

  constructor(
    readonly exit: number,
    readonly code: string,
    message: string,
    readonly hint?: string,
  ) {
    super(message);
  }
}

const EXIT_OF: Record<ErrorKind, number> = {
  invalid: EXIT.data,
  'not-found': EXIT.no,
  unauthenticated: EXIT.noPermission,
  forbidden: EXIT.noPermission,
  'rate-limited': EXIT.unavailable,
  conflict: EXIT.data,
  'version-conflict': EXIT.data,
  'key-reused': EXIT.data,
  'too-large': EXIT.data,
  unavailable: EXIT.unavailable,
  'storage-full': EXIT.unavailable,
};

const EXIT_OF_CODE: Record<string, number> = {
  // A path that leads to no file is a setting to mend, not a service to wait for.
  'cannot-open-database': EXIT.config,
  'cannot-write-backups': EXIT.config,
  'database-in-use': EXIT.unavailable,
  'backup-not-found': EXIT.noInput,
  'no-database': EXIT.noInput,
};

/** What the system says to whoever may not do something. */
const NOT_PERMITTED = ['EACCES', 'EPERM', 'EROFS'];

/** Any error as a failure; an unexpected one keeps its stack, because somebody has to mend it. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof DomainError) {
    const exit = EXIT_OF_CODE[error.code] ?? EXIT_OF[error.kind];
    return new Failure(exit, error.code, error.message, error.details.hint);
  }
  const { name, message, stack, code, path } = error as NodeJS.ErrnoException;
  if (NOT_PERMITTED.includes(code ?? '') && path !== undefined) {
    return new Failure(
      EXIT.config,
      'not-permitted',
      `${path} cannot be opened (${code}).`,
      'Set ABATHUR_DB_PATH to a file that this user may use, or give this user the right to it.',
    );
  }
  if (name === 'ConfigError') return new Failure(EXIT.config, 'configuration', message);
  return new Failure(EXIT.software, 'internal-error', stack ?? message);
}

/** Two lines on standard error, or with `--json` one JSON object there. Returns the exit code. */
export function report(error: unknown, json: boolean): number {
  const { exit, code, message, hint } = failureOf(error);
  const text = json
    ? JSON.stringify({ error: { code, message, hint } })
    : `${message}${hint === undefined ? '' : `\n  ${hint}`}`;
  process.stderr.write(`${text}\n`);
  return exit;
}
