import { destination, pino, type Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Structured lines on standard output: no values of memories, no keys, no bodies. */
export class Log {
  private constructor(private readonly lines: Logger) {}

  static create(level: LogLevel): Log {
    // Lines are written together, at most half a second late: a request does not wait for its log line.
    const out = destination({ dest: 1, sync: false, minLength: 4096, periodicFlush: 500 });
    const options = {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label: string) => ({ level: label }) },
    };
    return new Log(pino(options, out));
  }

  info(event: string, fields: object = {}): void {
    this.lines.info({ event, ...fields });
  }

  warn(event: string, fields: object = {}): void {
    this.lines.warn({ event, ...fields });
  }

  error(event: string, error: unknown, fields: object = {}): void {
    this.lines.error({ event, err: error, ...fields });
  }

  flush(): void {
    this.lines.flush();
  }
}
