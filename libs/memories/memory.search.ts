import { below, type Json, type JsonObject, type Visibility } from '#kernel';
import { seesNamespace } from '#access';
import { halved, metadataWords, searchTexts, type Corpus, type Found, type SearchMode, type TextQuery } from '#search';
import { and, defineRead, join, sql, type Reader, type Sql } from '#storage';
import { memoryConditions, type Moment } from './memory.filter.js';
import { memoriesById } from './memory.reads.js';
import type { Memory } from './memory.row.js';
import type { MemoryType } from './memory.events.js';
import { memoryText } from './memory.searchable.js';

export interface MemorySearchInput extends TextQuery, Moment {
  namespace_prefix?: string;
  /** In any of these. */
  namespaces?: string[];
  memory_type?: MemoryType;
  filter?: Json;
  /** Also what is in quarantine. */
  include_quarantined?: boolean;
  /** Only what somebody sees. */
  visible?: Visibility;
  explain: boolean;
}

export interface MemoryHit extends Memory {
  /** 0..1, higher is better. */
  score: number;
  /** With `explain`. */
  score_details?: Found['details'];
}

export interface MemorySearchAnswer {
  mode: SearchMode;
  /** Meaning was asked for, but could not be told: words alone answered. */
  degraded: boolean;
  results: MemoryHit[];
}

export const MEMORY_WORDS = { words: 'memory_words', vocabulary: 'memory_vocabulary' };

/** Memories by meaning and by words, best first. The filter is that of lists, applied inside the search. */
export const searchMemories = defineRead('memories.search', (db, input: MemorySearchInput): MemorySearchAnswer => {
  const { mode, meaning, explain, as_of, now } = input;
  const degraded = mode !== 'keyword' && meaning === undefined;
  // Without meaning there are still words, whatever was asked for.
  const found = searchTexts(db, memoryCorpus(db, input), degraded ? { ...input, mode: 'keyword' } : input);
  const memories = memoriesById(
    db,
    found.map(({ id }) => id),
    { as_of, now },
  );
  const results = found.map(({ id, score, details }) => ({
    ...memories.get(id)!,
    score,
    ...(explain ? { score_details: details } : {}),
  }));
  return { mode, degraded, results };
});

/** The same, with words and meaning side by side where that is worth it. */
export const memorySearch = halved(searchMemories, (db, input: MemorySearchInput) => memoryCorpus(db, input));

type Filter = Pick<
  MemorySearchInput,
  'namespace_prefix' | 'namespaces' | 'memory_type' | 'filter' | 'visible' | 'include_quarantined' | 'as_of' | 'now'
>;

function memoryCorpus(db: Reader, filter: Filter): Corpus {
  const where = and(memoryConditions(filter));
  const ranges = entryRanges(filter);
  return {
    ...MEMORY_WORDS,
    table: 'memory_entries m',
    row: 'm',
    where,
    entries: sql`(${join(ranges, ' OR ', '0')})`,
    ranges,
    narrowed:
      filter.visible !== undefined ||
      filter.namespace_prefix !== undefined ||
      filter.namespaces !== undefined ||
      filter.memory_type !== undefined,
    needsRow: filter.filter !== undefined,
    past: filter.as_of !== undefined,
    texts: (ids) => {
      const rows = db.all<{ id: number; value: string; metadata: string }>(
        sql`SELECT m.id, m.value, m.metadata FROM memory_entries m
            WHERE m.id IN (SELECT value FROM json_each(${JSON.stringify(ids)})) AND ${where}`,
      );
      return new Map(
        rows.map(({ id, value, metadata }) => [
          id,
          { text: textOf(value), metadata: metadataWords(JSON.parse(metadata)) },
        ]),
      );
    },
  };
}

/** What of the filter stands in the search entries, too: one range of namespaces each. Nothing else has a namespace. */
function entryRanges({ namespace_prefix, namespaces, memory_type, visible }: Filter): Sql[] {
  const everywhere: Sql[] = [];
  if (visible !== undefined) everywhere.push(seesNamespace(visible, 'e.namespace'));
  if (memory_type !== undefined) everywhere.push(sql`e.memory_type = ${memory_type}`);
  if (namespace_prefix !== undefined && namespaces !== undefined) everywhere.push(entryIn(namespace_prefix));
  const within = namespaces ?? (namespace_prefix === undefined ? undefined : [namespace_prefix]);
  if (within === undefined) return [and([sql`e.source = 'memory'`, ...everywhere])];
  return within.map((prefix) => and([entryIn(prefix), ...everywhere]));
}

/** One range that the index can walk. */
function entryIn(namespacePrefix: string): Sql {
  const { prefix, from, to } = below(namespacePrefix);
  return sql`(e.namespace >= ${prefix} AND e.namespace < ${to} AND (e.namespace = ${prefix} OR e.namespace >= ${from}))`;
}

const textOf = (value: string): string => memoryText(JSON.parse(value) as JsonObject);
