import type { Command } from 'commander';
import { DEFAULT_URL, url } from '../../options.js';
import type { Rest } from '../../rest.js';
import type { Call } from '../../verb.js';

/** Rules are in the server: what is done to memories is asked of one. */
export const takesServer = (command: Command): Command =>
  command.option('--url <url>', 'server to ask', url, DEFAULT_URL);

export async function serverOf({ options }: Pick<Call, 'options'>): Promise<Rest> {
  const { Rest: Client } = await import('../../rest.js');
  return new Client(options.url as string, new AbortController().signal);
}

export const addressOf = (namespace: string, key: string): string =>
  `/v1/memories/${encodeURIComponent(namespace)}/${encodeURIComponent(key)}`;

/** A query string of what is given. */
export function query(parameters: Record<string, string | number | boolean | undefined>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== false);
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)] as [string, string])).toString();
}

/** Rows under their heads, as wide as they need to be. */
export function table(heads: string[], rows: string[][]): string {
  if (rows.length === 0) return 'None.\n';
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]!.length)));
  return [heads, ...rows]
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** A text on one line, of at most so many characters. */
export function short(text: string, length: number): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}
