import {
  memoriesById,
  memorySearch,
  newestTold,
  toldByKey,
  type MemorySearchInput,
  type MemoryType,
  type Told,
} from '#memories';
import { DEFAULT_WEIGHTS } from '#search';
import type { SessionWithState } from '#sessions';
import type { Reader } from '#storage';
import { MEMORY_SCOPES, type Context, type ContextInput, type MemoryScope, type Shadowed } from './context.answer.js';
import { namespacesOf } from './context.candidates.js';
import type { ContextPart } from './context.events.js';
import type { Candidate } from './context.prompt.js';

/** How many of each scope and type are considered, the newest, and how many of those that answer the query. */
const NEWEST = 50;
const FOUND = 50;
/** Nearness without a common word is often none: what has less than this, or a tenth of the best, does not answer. */
const LEAST_SCORE = 0.01;
const LEAST_SHARE = 0.1;

interface Known {
  candidates: Candidate[];
  shadowed: Shadowed[];
}

type MemoriesInput = Omit<ContextInput, 'moment'> & { moment: string; namespaces: Context['namespaces'] };

/** Memories that may be told: what answers the query first, then the newest of each part in turn. */
export function memoryCandidates(db: Reader, input: MemoriesInput): Known {
  const scopes = scopesOf(input.namespaces);
  if (scopes.length === 0) return { candidates: [], shadowed: [] };
  const found = searched(db, input, scopes);
  const scores = new Map(found.map(({ id, score }) => [id, score]));
  const turns = inTurns(newestOf(db, input, scopes));
  const ordered = [...new Map<number, Told>([...found, ...turns].map((memory) => [memory.id, memory])).values()];
  const { kept, shadowed } = withoutShadowed(db, input, ordered);
  return {
    candidates: kept.map((memory) => memoryCandidate(partOf(memory), memory, scores.get(memory.id) ?? null)),
    shadowed,
  };
}

function searched(db: Reader, input: MemoriesInput, scopes: MemoryScope[]) {
  const { query, halves } = input;
  if (query === undefined) return [];
  const { results } = memorySearch.whole.run(db, { ...searchInput({ ...input, query }, scopes), halves });
  return results.filter(({ score }) => score >= LEAST_SHARE * results[0]!.score);
}

type SearchedFor = Pick<MemoriesInput, 'meaning' | 'as_of' | 'moment' | 'namespaces'> & { query: string };

const searchInput = (
  { query, meaning, as_of, moment, namespaces }: SearchedFor,
  scopes: MemoryScope[],
): MemorySearchInput => ({
  query,
  meaning,
  mode: 'hybrid',
  fusion: 'weighted',
  weights: DEFAULT_WEIGHTS,
  limit: FOUND,
  threshold: LEAST_SCORE,
  explain: false,
  namespaces: scopes.map((scope) => namespaces[scope]!),
  as_of,
  now: moment,
});

/** The search of a context by itself, so that its halves can be found side by side before the rest is read. */
export function contextSearch(
  session: SessionWithState,
  asked: Omit<SearchedFor, 'namespaces'>,
): MemorySearchInput | undefined {
  const namespaces = namespacesOf(session);
  const scopes = scopesOf(namespaces);
  return scopes.length === 0 ? undefined : searchInput({ ...asked, namespaces }, scopes);
}

const scopesOf = (namespaces: Context['namespaces']): MemoryScope[] =>
  MEMORY_SCOPES.filter((scope) => namespaces[scope] !== null);

/** The newest memories of each part; with a query, episodes are only those that answer it. */
function newestOf(db: Reader, { query, as_of, moment, namespaces }: MemoriesInput, scopes: MemoryScope[]): Told[][] {
  const newest = (memory_type: MemoryType, among: MemoryScope[]): Told[] =>
    newestTold(db, {
      namespaces: among.map((scope) => namespaces[scope]!),
      memory_type,
      as_of,
      now: moment,
      limit: NEWEST,
    });
  return [
    ...scopes.map((scope) => newest('semantic', [scope])),
    newest('procedural', scopes),
    ...(query === undefined ? [newest('episodic', scopes)] : []),
  ];
}

/** The first of each list, then the second of each, and so on. */
function inTurns<T>(lists: T[][]): T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, n) => lists.flatMap((list) => list.slice(n, n + 1))).flat();
}

/** Of memories of one type with the same key, those of the scope that goes first; they take the place of the others. */
function withoutShadowed(
  db: Reader,
  { as_of, moment, namespaces }: MemoriesInput,
  memories: Told[],
): { kept: Told[]; shadowed: Shadowed[] } {
  const rank = (name: string): number => MEMORY_SCOPES.indexOf(name.slice(0, name.indexOf(':')) as MemoryScope);
  const lower = memories.filter(({ namespace: name }) => rank(name) > 0);
  const keys = [...new Set(lower.map(({ key }) => key))];
  const first = new Map<string, { id: number; rank: number }>();
  for (const scope of MEMORY_SCOPES.slice(0, Math.max(0, ...lower.map(({ namespace: name }) => rank(name))))) {
    const at = namespaces[scope];
    if (at === null) continue;
    for (const { memory_type, key, id } of toldByKey(db, { namespace: at, keys, now: moment, as_of })) {
      const name = JSON.stringify([memory_type, key]);
      if (!first.has(name)) first.set(name, { id, rank: rank(at) });
    }
  }
  const winners = new Map<number, number>();
  for (const { id, namespace: name, memory_type, key } of lower) {
    const winner = first.get(JSON.stringify([memory_type, key]));
    if (winner !== undefined && winner.rank < rank(name)) winners.set(id, winner.id);
  }
  const known: Map<number, Told> = memoriesById(db, [...new Set(winners.values())], { as_of, now: moment });
  const kept = memories.map((memory) => known.get(winners.get(memory.id) ?? -1) ?? memory);
  const shadowed = memories
    .filter(({ id }) => winners.has(id))
    .map((memory) => ({
      part: partOf(memory),
      key: memory.key,
      namespace: memory.namespace,
      id: memory.id,
      by: { id: winners.get(memory.id)!, key: memory.key },
    }));
  return { kept: [...new Map(kept.map((memory) => [memory.id, memory])).values()], shadowed };
}

function partOf({ memory_type, namespace: name }: Told): ContextPart {
  if (memory_type === 'procedural') return 'procedures';
  if (memory_type === 'episodic') return 'episodes';
  return `memories.${name.slice(0, name.indexOf(':')) as MemoryScope}`;
}

export function memoryCandidate(part: ContextPart, memory: Told, score: number | null): Candidate {
  const { id, namespace: name, key, version, updated_at, value } = memory;
  return {
    item: { part, memory_id: id, ...(score === null ? {} : { score }) },
    record: { id, namespace: name, key, version, ...(part === 'episodes' ? { time: updated_at } : {}), value },
  };
}
