import { seesNamespace } from '#access';
import { decodeCursor, toPage, type Page, type Visibility } from '#kernel';
import { and, defineRead, sql, type Sql } from '#storage';
import { inNamespace, memoryConditions } from './memory.filter.js';

export interface NamespacesInput {
  prefix?: string;
  suffix?: string;
  /** Namespaces are cut to this many segments, and counted together. */
  max_depth?: number;
  now: string;
  as_of?: number;
  limit: number;
  cursor?: string;
  /** Only what somebody sees. */
  visible?: Visibility;
}

export interface NamespaceCount {
  namespace: string;
  /** Memories in it and, with `max_depth`, below it. */
  count: number;
}

/** What is in lists, apart from what has ended by itself: as an index has it. */
const LISTED = [sql`replaced_at IS NULL`, sql`is_deleted = 0`, sql`consolidated_into IS NULL AND is_archived = 0`];

/** Namespaces that hold memories, in order. `*` as a whole segment of prefix or suffix matches any one segment. */
export const namespacesPage = defineRead('memories.namespaces', (db, input: NamespacesInput): Page<NamespaceCount> => {
  const { prefix, suffix, max_depth, as_of, now, limit, cursor, visible } = input;
  const list = ['namespaces', prefix, suffix, max_depth, as_of, ...(visible === undefined ? [] : [visible])];
  const [last] = decodeCursor<[string]>(list, cursor) ?? [];
  const conditions = as_of === undefined ? [...LISTED] : memoryConditions({ as_of, now });
  if (visible !== undefined) conditions.push(seesNamespace(visible, 'm.namespace'));
  // The segments before the first wildcard narrow the range that is read.
  const fixed = prefix?.split(':').slice(0, firstWildcard(prefix)).join(':');
  if (fixed !== undefined && fixed !== '') conditions.push(inNamespace(fixed));
  const counts = new Map<string, number>();
  const countOf = (all: Sql[]): Sql =>
    sql`SELECT namespace, count(*) AS count FROM memory_entries m WHERE ${and(all)} GROUP BY namespace`;
  // Few have ended and wait for their event, or are in quarantine: indexes of their own tell them, and the other one needs no row.
  const ended = new Map<string, number>();
  if (as_of === undefined) {
    const over = countOf([...conditions, sql`+expires_at <= ${now}`]);
    for (const { namespace, count } of db.all<NamespaceCount>(over)) ended.set(namespace, count);
    const kept = countOf([...conditions, sql`is_quarantined = 1`, sql`coalesce(+expires_at > ${now}, 1)`]);
    for (const { namespace, count } of db.all<NamespaceCount>(kept))
      ended.set(namespace, (ended.get(namespace) ?? 0) + count);
  }
  for (const { namespace, count: all } of db.iterate<NamespaceCount>(countOf(conditions))) {
    const count = all - (ended.get(namespace) ?? 0);
    if (count === 0) continue;
    const segments = namespace.split(':');
    if (prefix !== undefined && !matches(segments, prefix.split(':'))) continue;
    if (suffix !== undefined && !matches(segments.toReversed(), suffix.split(':').toReversed())) continue;
    const shown = max_depth === undefined ? namespace : segments.slice(0, max_depth).join(':');
    counts.set(shown, (counts.get(shown) ?? 0) + count);
  }
  const after = [...counts]
    .map(([namespace, count]) => ({ namespace, count }))
    .sort((a, b) => (a.namespace < b.namespace ? -1 : 1))
    .filter(({ namespace }) => last === undefined || namespace > last);
  return toPage(
    list,
    after.slice(0, limit + 1),
    limit,
    ({ namespace }) => [namespace],
    (row) => row,
  );
});

function firstWildcard(pattern: string): number {
  const index = pattern.split(':').indexOf('*');
  return index < 0 ? Number.MAX_SAFE_INTEGER : index;
}

const matches = (segments: string[], pattern: string[]): boolean =>
  pattern.length <= segments.length && pattern.every((part, index) => part === '*' || part === segments[index]);
