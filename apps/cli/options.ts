import { InvalidArgumentError, type Command } from 'commander';

export const DEFAULT_URL = 'http://127.0.0.1:8000';

/** The URL of a server, as an option takes it. */
export function url(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new InvalidArgumentError(`Give a URL, for instance ${DEFAULT_URL}.`);
  }
  return text;
}

/** A whole number within bounds, as an option takes it. */
export const whole =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`);
    }
    return value;
  };

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** A span of time within bounds, as an option takes it, in seconds: `90s`, `15m`, `48h`, `2d`. */
export const span =
  (least: number, most: number) =>
  (text: string): number => {
    const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
    const value = unit === undefined ? Number.NaN : Number(count) * SECONDS[unit]!;
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError('Give a time with its unit, for instance 90s, 15m, 48h or 2d.');
    }
    return value;
  };

/** The options of a verb that works through a server or on the file: see {@link import('./target.js').target}. */
export const takesTarget = (command: Command): Command =>
  command
    .option('--url <url>', 'ask this server', url)
    .option('--file [path]', 'work on the file itself, even while a server has it open');

/** The option of a verb that works on the file, whether or not a server has it open. */
export const takesFile = (command: Command): Command =>
  command.option('--file <path>', 'the database file, instead of ABATHUR_DB_PATH');

/** A moment, as an option takes it: ISO-8601 with a zone. */
export function moment(text: string): string {
  const milliseconds = /^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:\d{2})$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(milliseconds))
    throw new InvalidArgumentError('Give a time with its zone, for instance 2026-01-31T12:00:00Z.');
  return new Date(milliseconds).toISOString();
}
