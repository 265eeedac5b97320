import { createHash } from 'node:crypto';
import { invalid } from './errors.js';

/**
 * Opaque page cursors: the sort keys of the last row, sealed with the list they belong to, so that a made-up, cut or
 * borrowed cursor is refused instead of silently returning another page.
 */
export type CursorKeys = (string | number)[];

export function encodeCursor(list: unknown, keys: CursorKeys): string {
  const body = JSON.stringify(keys);
  return Buffer.from(`${seal(list, body)}${body}`).toString('base64url');
}

export function decodeCursor<K extends CursorKeys>(list: unknown, cursor: string | undefined): K | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursor, 'base64url').toString();
  const body = text.slice(SEAL);
  if (text.length <= SEAL || text.slice(0, SEAL) !== seal(list, body) || encodeAgain(text) !== cursor) {
    throw invalid('cursor', 'is not a cursor of this list', 'Start again without a cursor, with the same filters.');
  }
  return JSON.parse(body) as K;
}

const SEAL = 12;
const seal = (list: unknown, body: string): string =>
  createHash('sha256').update(JSON.stringify(list)).update('\n').update(body).digest('base64url').slice(0, SEAL);
const encodeAgain = (text: string): string => Buffer.from(text).toString('base64url');

/** One page of a list. */
export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** Cuts `limit + 1` fetched rows into a page: the extra row only tells that there is more. */
export function toPage<R, T>(
  list: unknown,
  rows: R[],
  limit: number,
  keys: (row: R) => CursorKeys,
  view: (row: R) => T,
): Page<T> {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page.map(view),
    next_cursor: rows.length > limit && last !== undefined ? encodeCursor(list, keys(last)) : null,
  };
}
