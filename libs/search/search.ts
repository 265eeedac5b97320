import { and, sql, type Reader, type Sql } from '#storage';
import { closeness, type QueryVector } from './embeddings.js';
import { byScore, fuseRanks, fuseWeighted, type Fused, type Weights } from './fuse.js';
import { asksQuestion, shareWithNeighbours, type Place, type Shared } from './neighbours.js';
import { nearest } from './nearest.js';
import type { EmbeddingModel } from './vector-store.js';
import { WordScorer, type CorpusStatistics } from './word-score.js';
import { matchExpression, queryWords } from './words.js';

export type SearchMode = 'hybrid' | 'semantic' | 'keyword';
export type Fusion = 'weighted' | 'rrf';

export interface TextQuery {
  query: string;
  mode: SearchMode;
  fusion: Fusion;
  weights: Weights;
  limit: number;
  /** Smallest score, 0..1. */
  threshold: number;
  /** The query's meaning, when there is something that knows it. */
  meaning?: QueryVector & { model: EmbeddingModel };
}

/** A set of texts that can be searched: where their words are, and who of them may be found. */
export interface Corpus {
  source: 'memory' | 'document';
  /** The FTS5 table, whose rowid is the entry's id, and its fts5vocab table. */
  words: string;
  vocabulary: string;
  /** Rows that carry the filter, with their alias, for instance `memory_entries m`; `row.id` is the entry's id. */
  table: string;
  row: string;
  /** The whole filter, over that row. */
  where: Sql;
  /** What of the filter `search_entries e` can answer by itself, by an index. */
  indexed?: Sql;
  /** Whether `where` asks for more than `indexed`. */
  needsRow: boolean;
  /** Whether the past is searched, where entries that were replaced since count, too. */
  past: boolean;
  /** Texts of rows that pass the filter, by id: what is not among them is not found. */
  texts(ids: number[]): Map<number, { text: string; metadata: string }>;
}

export interface Found {
  id: number;
  score: number;
  details: {
    /** What each half gave, 0..1; `null` when it did not find this one. */
    words: number | null;
    meaning: number | null;
    matched: string[];
    /** Score before neighbours lent theirs. */
    own: number;
    lent: Shared['lent'];
  };
}

/** Candidates of the word index that are scored, and kept of each half. */
const WORD_CANDIDATES = 200;
const KEPT = 50;

/** The best texts for a query: words and meaning found apart, joined, and shared with their neighbours. */
export function searchTexts(db: Reader, corpus: Corpus, query: TextQuery): Found[] {
  const kept = Math.max(KEPT, query.limit);
  const words = query.mode === 'semantic' ? NOTHING : byWords(db, corpus, query.query, kept);
  const meaning =
    query.mode === 'keyword' || query.meaning === undefined ? NONE : byMeaning(db, corpus, query.meaning, kept);
  const fused = fuse(words.scores, meaning, query);
  const places = placesOf(db, corpus);
  const shared =
    query.mode === 'hybrid' && query.fusion === 'rrf'
      ? withoutShares(shareEach(words.scores, meaning, places))
      : shareWithNeighbours(fused, places);
  const halves = new Map(fused.map((one) => [one.id, one]));
  const allowed = corpus.texts(shared.map(({ id }) => id));
  return shared
    .filter(({ id, score }) => score > 0 && score >= query.threshold && allowed.has(id))
    .slice(0, query.limit)
    .map(({ id, score, own, lent }) => ({
      id,
      score,
      details: {
        words: halves.get(id)?.words ?? null,
        meaning: halves.get(id)?.meaning ?? null,
        matched: words.matched.get(id) ?? [],
        own,
        lent,
      },
    }));
}

type Scores = ReadonlyMap<number, number>;
const NONE: Scores = new Map();
const NOTHING: { scores: Scores; matched: ReadonlyMap<number, string[]> } = { scores: NONE, matched: new Map() };

/** FTS5 finds and sorts roughly, the word score decides. */
function byWords(db: Reader, corpus: Corpus, query: string, kept: number): typeof NOTHING {
  const expression = matchExpression(query);
  if (expression === null) return NOTHING;
  const { words, table, row, where } = corpus;
  const found = db.all<{ id: number }>(
    sql`SELECT w.rowid AS id FROM ${raw(words)} w JOIN ${raw(table)} ON ${raw(row)}.id = w.rowid
        WHERE ${raw(words)} MATCH ${expression} AND ${where}
        ORDER BY bm25(${raw(words)}, 1.0, 0.5) LIMIT ${Math.max(WORD_CANDIDATES, 2 * kept)}`,
  );
  const scorer = new WordScorer(queryWords(query), statisticsOf(db, corpus));
  const texts = corpus.texts(found.map(({ id }) => id));
  const scored = [...texts]
    .map(([id, { text, metadata }]) => ({ id, ...scorer.score(text, metadata) }))
    .filter(({ score }) => score > 0)
    .toSorted(byScore)
    .slice(0, kept);
  return {
    scores: new Map(scored.map(({ id, score }) => [id, score])),
    matched: new Map(scored.map(({ id, matched }) => [id, matched])),
  };
}

function byMeaning(db: Reader, corpus: Corpus, query: NonNullable<TextQuery['meaning']>, kept: number): Scores {
  if (query.vector.every((x) => x === 0)) return NONE;
  const { entries } = nearest(db, {
    ...query,
    k: kept,
    where: entryFilter(corpus),
    indexed: corpus.past ? undefined : indexedFilter(corpus),
  });
  return new Map(
    entries.map(({ id, cosine }) => [id, closeness(cosine, query)] as const).filter(([, score]) => score > 0),
  );
}

const indexedFilter = ({ source, indexed }: Corpus): Sql | undefined =>
  indexed && sql`e.to_position IS NULL AND e.source = ${source} AND ${indexed}`;

/** Who may be found, over `search_entries e`. */
function entryFilter({ source, table, row, where, indexed, needsRow, past }: Corpus): Sql {
  const conditions = [sql`e.source = ${source}`];
  if (!past) conditions.push(sql`e.to_position IS NULL`);
  if (indexed !== undefined && !past) conditions.push(indexed);
  if (needsRow || past)
    conditions.push(sql`EXISTS (SELECT 1 FROM ${raw(table)} WHERE ${raw(row)}.id = e.id AND ${where})`);
  return and(conditions);
}

function fuse(words: Scores, meaning: Scores, { mode, fusion, weights }: TextQuery): Fused[] {
  if (mode === 'keyword') return fuseWeighted({ words, meaning: NONE }, { words: 1, meaning: 0 });
  if (mode === 'semantic') return fuseWeighted({ words: NONE, meaning }, { words: 0, meaning: 1 });
  return fusion === 'rrf' ? fuseRanks({ words, meaning }) : fuseWeighted({ words, meaning }, weights);
}

/** Ranks have no distances to share by, so each half shares before it is ranked. */
function shareEach(words: Scores, meaning: Scores, places: (id: number) => Place | null): Fused[] {
  const share = (half: Scores): Scores =>
    new Map(
      shareWithNeighbours(
        [...half].map(([id, score]) => ({ id, score })),
        places,
      ).map(({ id, score }) => [id, score]),
    );
  return fuseRanks({ words: share(words), meaning: share(meaning) });
}

const withoutShares = (fused: Fused[]): Shared[] =>
  fused.map(({ id, score }) => ({ id, score, own: score, lent: { fromBefore: 0, fromAfter: 0, fromSession: 0 } }));

/** Where texts stand in what they were said in. Neighbours pass the same filter as hits. */
function placesOf(db: Reader, corpus: Corpus): (id: number) => Place | null {
  const known = new Map<number, Place | null>();
  const where = entryFilter({ ...corpus, needsRow: true });
  return (id) => {
    if (!known.has(id)) known.set(id, placeOf(db, id, where));
    return known.get(id)!;
  };
}

function placeOf(db: Reader, id: number, where: Sql): Place | null {
  const at = db.one<{ sequence: string; place: number; text: string }>(
    sql`SELECT e.sequence, e.place, t.text FROM search_entries e JOIN search_texts t ON t.id = e.text_id
        WHERE e.id = ${id} AND e.sequence IS NOT NULL`,
  );
  if (at === undefined) return null;
  const before = db.one<{ id: number }>(
    sql`SELECT e.id FROM search_entries e WHERE e.sequence = ${at.sequence} AND e.place < ${at.place} AND ${where}
        ORDER BY e.place DESC LIMIT 1`,
  );
  const after = db.one<{ id: number }>(
    sql`SELECT e.id FROM search_entries e WHERE e.sequence = ${at.sequence} AND e.place > ${at.place} AND ${where}
        ORDER BY e.place LIMIT 1`,
  );
  return { session: at.sequence, before: before?.id ?? null, after: after?.id ?? null, asks: asksQuestion(at.text) };
}

/** How many texts there are, and how many have a term; for every version of them, which is near enough for a logarithm. */
export function statisticsOf(
  db: Reader,
  { words, vocabulary }: Pick<Corpus, 'words' | 'vocabulary'>,
): CorpusStatistics {
  const known = new Map<string, number>();
  return {
    texts: textCount(db, words),
    textsWith: (term) => {
      let count = known.get(term);
      if (count === undefined) {
        count = db.one<{ doc: number }>(sql`SELECT doc FROM ${raw(vocabulary)} WHERE term = ${term}`)?.doc ?? 0;
        known.set(term, count);
      }
      return count;
    },
  };
}

// Counting costs a pass over the table, and a logarithm does not notice a second's growth.
const counts = new WeakMap<Reader, Map<string, { at: number; count: number }>>();
const COUNT_FOR = 5_000;

function textCount(db: Reader, words: string): number {
  const known = counts.get(db)?.get(words);
  if (known !== undefined && performance.now() - known.at < COUNT_FOR) return known.count;
  const { count } = db.one<{ count: number }>(sql`SELECT count(*) AS count FROM ${raw(`${words}_docsize`)}`)!;
  counts.set(db, new Map(counts.get(db)).set(words, { at: performance.now(), count }));
  return count;
}

/** Names of our own tables, never a client's text. */
const raw = (text: string): Sql => ({ text, params: [] });
