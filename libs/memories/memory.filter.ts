import { seesNamespace } from '#access';
import { below, type Json, type Visibility } from '#kernel';
import { compileFilter, join, sql, type Field, type Sql } from '#storage';
import type { MemoryType } from './memory.events.js';
import { deletedAt, markedAt } from './memory.row.js';

export interface MemoriesFilter {
  /** Whole segments: `user:al` does not match `user:alice`. */
  namespace_prefix?: string;
  /** In any of these. */
  namespaces?: string[];
  memory_type?: MemoryType;
  key_prefix?: string;
  created_by?: string;
  /** ISO-8601 UTC, inclusive. */
  updated_after?: string;
  /** ISO-8601 UTC, inclusive. */
  updated_before?: string;
  include_deleted?: boolean;
  /** Also those that have ended. */
  include_ended?: boolean;
  /** Also those that went into another one, and those that were archived. */
  include_superseded?: boolean;
  /** Also what is in quarantine. */
  include_quarantined?: boolean;
  filter?: Json;
  /** Only what somebody sees. */
  visible?: Visibility;
}

/** The moment that a list or a search is about. */
export interface Moment {
  as_of?: number;
  /** ISO-8601 UTC: what has ended by then is gone. */
  now: string;
}

/** The filter of lists and searches, over `memory_entries m`. */
export function memoryConditions(filter: MemoriesFilter & Moment): Sql[] {
  const { namespace_prefix, namespaces, memory_type, key_prefix, created_by, updated_after, updated_before } = filter;
  const { as_of, now } = filter;
  const conditions: Sql[] = [];
  if (filter.visible !== undefined) conditions.push(seesNamespace(filter.visible, 'm.namespace'));
  if (namespace_prefix !== undefined) conditions.push(inNamespace(namespace_prefix));
  if (namespaces !== undefined) conditions.push(sql`(${join(namespaces.map(inNamespace), ' OR ', '0')})`);
  // One type of three narrows less than a namespace does, which SQLite cannot know.
  if (memory_type !== undefined) conditions.push(sql`likely(memory_type = ${memory_type})`);
  if (key_prefix !== undefined) conditions.push(sql`substr(key, 1, ${[...key_prefix].length}) = ${key_prefix}`);
  if (created_by !== undefined) conditions.push(sql`created_by = ${created_by}`);
  if (updated_after !== undefined) conditions.push(sql`updated_at >= ${updated_after}`);
  if (updated_before !== undefined) conditions.push(sql`updated_at <= ${updated_before}`);
  if (as_of === undefined) {
    conditions.push(sql`replaced_at IS NULL`);
    if (filter.include_deleted !== true) conditions.push(sql`is_deleted = 0`);
  } else {
    conditions.push(sql`id <= ${as_of}`, sql`(replaced_at IS NULL OR replaced_at > ${as_of})`);
    if (filter.include_deleted !== true) conditions.push(sql`NOT ${deletedAt(as_of)}`);
  }
  if (filter.include_superseded !== true) conditions.push(inUse(as_of));
  if (filter.include_quarantined !== true) conditions.push(LET_IN);
  if (filter.include_deleted !== true && filter.include_ended !== true) conditions.push(notExpired(now));
  if (filter.filter !== undefined) conditions.push(compileFilter(filter.filter, memoryField, FILTER_FIELDS));
  return conditions;
}

/**
 * What keeps a memory out of lists, searches and contexts though it is there: it went into another one, or was archived. The
 * place for whatever else may.
 */
export const inUse = (asOf: number | undefined): Sql =>
  asOf === undefined
    ? sql`consolidated_into IS NULL AND is_archived = 0`
    : sql`NOT EXISTS (SELECT 1 FROM memory_marks k WHERE k.mark IN ('superseded', 'archived') AND ${markedAt(asOf)})`;

/** Not in quarantine, whatever time is asked about: what is not trusted now was not to be trusted then. */
export const LET_IN = sql`is_quarantined = 0`;

export const notExpired = (at: string): Sql => sql`(expires_at IS NULL OR expires_at > ${at})`;

export function inNamespace(namespacePrefix: string): Sql {
  const { prefix, from, to } = below(namespacePrefix);
  return sql`(namespace = ${prefix} OR (namespace >= ${from} AND namespace < ${to}))`;
}

const FILTER_COLUMNS = [
  'key',
  'namespace',
  'memory_type',
  'version',
  'created_by',
  'updated_by',
  'created_at',
  'updated_at',
  'expires_at',
  'task_id',
  'session_id',
];

const FILTER_FIELDS = `${FILTER_COLUMNS.join(', ')}, metadata.<path>, value.<path>; any other name is a path into metadata`;

/** A field of a memory by the name that a filter gives it. */
export function memoryField(name: string): Field | undefined {
  if (FILTER_COLUMNS.includes(name)) return { column: `m.${name}` };
  const path = name.split('.');
  const json = path[0] === 'value' || path[0] === 'metadata' ? path.shift()! : 'metadata';
  // These are fields of a memory, but not ones that a filter can ask for.
  const reserved = [
    'id',
    'is_deleted',
    'is_archived',
    'consolidated_into',
    'consolidated_from',
    'requires_review',
    'published_from',
  ].includes(name);
  const usable = path.length > 0 && path.every((part) => part !== '' && !/["\\]/.test(part) && !part.startsWith('$'));
  return usable && !reserved ? { json: `m.${json}`, path } : undefined;
}
