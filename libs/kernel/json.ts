import canonicalize from 'canonicalize';
import { invalid } from './errors.js';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** How deep a document may be nested; one more is refused. SQLite itself stops at 1,000. */
export const MAX_DEPTH = 64;

/** The canonical text of a JSON value (RFC 8785): what is stored and what is hashed. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('Only JSON values have a canonical form');
  return text;
}

/**
 * Refuses what JSON allows but a store cannot keep faithfully, naming the field: lone surrogates and NUL (they do
 * not survive SQLite), numbers beyond double precision, keys that would reach a prototype, and documents nested
 * deeper than {@link MAX_DEPTH}.
 *
 * Keys of `plainKeys` fields are ordinary names chosen by users (state keys), so there `__proto__` is a string like
 * any other.
 */
export function assertStorable(value: unknown, field = '', plainKeys: readonly string[] = []): void {
  walk(value, field, 0, plainKeys);
}

function walk(value: unknown, field: string, depth: number, plainKeys: readonly string[]): void {
  if (typeof value === 'string') return assertText(value, field);
  if (typeof value === 'number') return assertNumber(value, field);
  if (value === null || typeof value !== 'object') return;
  if (depth >= MAX_DEPTH) throw invalid(shorten(field), `is nested deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) {
    value.forEach((item, index) => walk(item, `${field}[${index}]`, depth + 1, plainKeys));
    return;
  }
  const ordinary = plainKeys.includes(field.replace(/\[\d+\]/g, '[]'));
  for (const key of Object.keys(value)) {
    const name = field === '' ? key : `${field}.${key}`;
    assertText(key, shorten(name));
    const item = (value as Record<string, unknown>)[key];
    if (!ordinary) assertHarmlessKey(key, item, name);
    walk(item, name, depth + 1, plainKeys);
  }
}

/** `__proto__`, and `constructor` leading to a `prototype`, are how JSON poisons a JavaScript reader downstream. */
function assertHarmlessKey(key: string, value: unknown, field: string): void {
  const reachesPrototype =
    key === '__proto__' ||
    (key === 'constructor' && typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype'));
  if (reachesPrototype) throw invalid(shorten(field), `a key may not be ${key}`, 'Rename the key.');
}

/** Refuses text that SQLite or a hash would not keep as it is. */
export function assertText(text: string, field: string): void {
  if (!text.isWellFormed()) throw invalid(shorten(field), 'holds a lone surrogate, which is not valid Unicode');
  if (text.includes('\0')) throw invalid(shorten(field), 'holds a NUL character');
}

function assertNumber(value: number, field: string): void {
  if (!Number.isFinite(value)) throw invalid(shorten(field), 'is too large for a JSON number');
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw invalid(shorten(field), 'is an integer beyond ±(2^53 - 1)', 'Send it as a string.');
  }
}

const shorten = (field: string): string => {
  const text = field.toWellFormed().replaceAll('\0', '\\0');
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
};
