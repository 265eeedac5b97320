import { LRUCache } from 'lru-cache';
import { and, join, sql, type Reader, type Sql } from '#storage';
import { closeness, type QueryMeaning } from './embeddings.js';
import { byScore, fuseRanks, fuseWeighted, type Fused, type Weights } from './fuse.js';
import { asksQuestion, shareWithNeighbours, type Place, type Shared } from './neighbours.js';
import { nearest } from './nearest.js';
import { WordScorer, type CorpusStatistics, type WordScore } from './word-score.js';
import { matchAny, queryWords, spellingsOf, type QueryWord } from './words.js';

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
  meaning?: QueryMeaning;
  /** What each half has found already, on a reader of its own. */
  halves?: Halves;
}

/** What words and meaning have found, each for itself: the best by id, 0..1. */
export interface Halves {
  words: WordHalf;
  meaning: Scores;
}

export interface WordHalf {
  scores: Scores;
  /** Terms of the query that are in each of them. */
  matched: ReadonlyMap<number, string[]>;
}

/** A set of texts that can be searched: where their words are, and who of them may be found. */
export interface Corpus {
  /** The FTS5 table, whose rowid is the entry's id, and its fts5vocab table. */
  words: string;
  vocabulary: string;
  /** Rows that carry the filter, with their alias, for instance `memory_entries m`; `row.id` is the entry's id. */
  table: string;
  row: string;
  /** The whole filter, over that row. */
  where: Sql;
  /** What of the filter `search_entries e` can tell by itself, the source included. */
  entries: Sql;
  /** Whether that is more than the source, so that an index may leave few. */
  narrowed: boolean;
  /** The same as `entries` by pieces, each one range of an index, so that those who pass can be counted. */
  ranges: Sql[];
  /** Whether `where` asks for more than `entries`. */
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
export function searchTexts(db: Reader, given: Corpus, query: TextQuery): Found[] {
  const corpus = { ...given, texts: remembered(given.texts) };
  const { words, meaning } = query.halves ?? {
    words: findWords(db, corpus, query),
    meaning: findMeaning(db, corpus, query),
  };
  const both = fuse(words.scores, meaning, query);
  // Halves that were found apart may name what has gone since.
  const present = corpus.texts(both.map(({ id }) => id));
  const fused = both.filter(({ id }) => present.has(id));
  const places = placesOf(
    db,
    corpus,
    fused.map(({ id }) => id),
  );
  const shared =
    query.mode === 'hybrid' && query.fusion === 'rrf'
      ? withoutShares(shareEach(words.scores, meaning, places))
      : shareWithNeighbours(fused, places);
  const halves = new Map(fused.map((one) => [one.id, one]));
  return shared
    .filter(({ score }) => score > 0 && score >= query.threshold)
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

/** The half of a search that words find. */
export const findWords = (db: Reader, corpus: Corpus, { mode, query, limit }: TextQuery): WordHalf =>
  mode === 'semantic' ? NOTHING : byWords(db, corpus, query, Math.max(KEPT, limit));

/** The half of a search that meaning finds. */
export const findMeaning = (db: Reader, corpus: Corpus, { mode, meaning, limit }: TextQuery): Scores =>
  mode === 'keyword' || meaning === undefined ? NONE : byMeaning(db, corpus, meaning, Math.max(KEPT, limit));

/** Asks for each text once. */
function remembered(texts: Corpus['texts']): Corpus['texts'] {
  const known: ReturnType<Corpus['texts']> = new Map();
  const asked = new Set<number>();
  return (ids) => {
    const fresh = ids.filter((id) => !asked.has(id));
    if (fresh.length > 0) for (const [id, text] of texts(fresh)) known.set(id, text);
    for (const id of fresh) asked.add(id);
    return new Map(ids.flatMap((id) => (known.has(id) ? [[id, known.get(id)!] as const] : [])));
  };
}

type Scores = ReadonlyMap<number, number>;
const NONE: Scores = new Map();
const NOTHING: WordHalf = { scores: NONE, matched: new Map() };

/** FTS5 finds and sorts roughly, the word score decides. */
function byWords(db: Reader, corpus: Corpus, query: string, kept: number): WordHalf {
  const asked = queryWords(query);
  if (asked.length === 0) return NOTHING;
  const statistics = statisticsOf(db, corpus);
  const scorer = new WordScorer(asked, statistics);
  const best = (...expressions: string[]): Scored[] => {
    const wanted = Math.max(WORD_CANDIDATES, 2 * kept);
    const found = expressions.flatMap((expression) => wordCandidates(db, corpus, expression, wanted));
    return [...corpus.texts([...new Set(found)])]
      .map(([id, { text, metadata }]) => ({ id, ...scorer.score(text, metadata) }))
      .filter(({ score }) => score > 0)
      .toSorted(byScore)
      .slice(0, kept);
  };
  const scored = withRareWords(asked, statistics, scorer, best, kept) ?? best(matchAny(asked));
  return {
    scores: new Map(scored.map(({ id, score }) => [id, score])),
    matched: new Map(scored.map(({ id, matched }) => [id, matched])),
  };
}

type Scored = WordScore & { id: number };

/** A word that more texts have than this is common: FTS5 needs about 0.3 µs to rank each of them. */
const COMMON = 5_000;

/**
 * The best by the rare words of a query: common ones only help to choose among those who have a rare one. Nothing when a
 * text of common words alone might be as good as the last of them; then all have to be ranked.
 */
function withRareWords(
  asked: QueryWord[],
  { texts, textsWith }: CorpusStatistics,
  scorer: WordScorer,
  best: (...expressions: string[]) => Scored[],
  kept: number,
): Scored[] | undefined {
  const common = asked.filter(({ term }) => textsWith(term) > COMMON);
  const rare = asked.filter((word) => !common.includes(word));
  if (common.length === 0 || rare.length === 0) return undefined;
  // What most texts have orders nothing, and FTS5 goes through all of them to find that out.
  const telling = common.filter(({ term }) => textsWith(term) <= texts / 2);
  const both = telling.length === 0 ? [] : [`(${matchAny(rare)}) AND (${matchAny(telling)})`];
  const scored = best(...both, matchAny(rare));
  const last = scored.length < kept ? 0 : scored.at(-1)!.score;
  return last >= scorer.most(common) ? scored : undefined;
}

/** With at most so many entries that pass, they are listed before the word index is asked, not looked up for each match. */
const FEW = 5_000;

/**
 * The best by FTS5's own order that pass the filter. A common word is in every third text, and to look up the row of each
 * match costs more than to rank them all: so either those who pass are listed first, or the best are looked up afterwards
 * and, when too few of them pass, all. The answer is the same.
 */
function wordCandidates(db: Reader, corpus: Corpus, expression: string, wanted: number): number[] {
  const { table, row, where, narrowed, needsRow, past } = corpus;
  const words = raw(corpus.words);
  const matching = sql`${words} MATCH ${expression}`;
  const bestFirst = sql`ORDER BY bm25(${words}, 1.0, 0.5), w.rowid`;
  const idsOf = (statement: Sql): number[] => db.all<{ id: number }>(statement).map(({ id }) => id);
  if (narrowed && !past && passingUpTo(db, corpus)(FEW) !== undefined) {
    // The + keeps SQLite from asking the word index anew for each of them.
    return idsOf(
      sql`SELECT w.rowid AS id FROM ${words} w
          WHERE ${matching} AND +w.rowid IN (SELECT ${raw(row)}.id FROM ${raw(table)} WHERE ${where})
          ${bestFirst} LIMIT ${wanted}`,
    );
  }
  if (mostPass(db, corpus) && !needsRow && !past) {
    const best = idsOf(sql`SELECT w.rowid AS id FROM ${words} w WHERE ${matching} ${bestFirst} LIMIT ${2 * wanted}`);
    const passing = new Set(
      idsOf(
        sql`SELECT ${raw(row)}.id AS id FROM ${raw(table)}
            WHERE ${raw(row)}.id IN (SELECT value FROM json_each(${JSON.stringify(best)})) AND ${where}`,
      ),
    );
    if (passing.size >= wanted || best.length < 2 * wanted)
      return best.filter((id) => passing.has(id)).slice(0, wanted);
  }
  return idsOf(
    sql`SELECT w.rowid AS id FROM ${words} w JOIN ${raw(table)} ON ${raw(row)}.id = w.rowid
        WHERE ${matching} AND ${where} ${bestFirst} LIMIT ${wanted}`,
  );
}

/** Whether those who pass are so many that the best of all are mostly theirs. */
const mostPass = (db: Reader, { narrowed, words }: Corpus): boolean => !narrowed || textCount(db, words) <= 4 * FEW;

/** How many current entries pass what an index can tell; nothing when it cannot tell, or when they are more than `most`. */
type PassingUpTo = (most: number) => number | undefined;

/** Counts no further than it is asked to; what was counted a moment ago is near enough to choose a way by. */
function passingUpTo(db: Reader, { narrowed, past, ranges }: Corpus): PassingUpTo {
  if (!narrowed || past) return () => undefined;
  const each = ranges.map((range) => sql`SELECT 1 FROM search_entries e WHERE e.to_position IS NULL AND ${range}`);
  const rows = join(each, ' UNION ALL ', 'SELECT 1');
  const counts = countsOf(db);
  const name = JSON.stringify(rows);
  return (most) => {
    let known = counts.get(name);
    if (known === undefined || (known.count > known.most && most > known.most)) {
      const { count } = db.one<{ count: number }>(sql`SELECT count(*) AS count FROM (${rows} LIMIT ${most + 1})`)!;
      counts.set(name, (known = { most, count }));
    }
    return known.count <= most ? known.count : undefined;
  };
}

function byMeaning(db: Reader, corpus: Corpus, query: NonNullable<TextQuery['meaning']>, kept: number): Scores {
  if (query.vector.every((x) => x === 0)) return NONE;
  const find = (from: Corpus): { id: number; cosine: number }[] =>
    nearest(db, { ...query, k: kept, where: entryFilter(from), passing: passingUpTo(db, corpus) }).entries;
  let entries = find(corpus);
  // Entries follow the log: some may have gone since. Then the rows themselves are asked, so that others take their places.
  const allowed = corpus.texts(entries.map(({ id }) => id));
  if (allowed.size < entries.length) entries = find({ ...corpus, needsRow: true });
  return new Map(
    entries.map(({ id, cosine }) => [id, closeness(cosine, query)] as const).filter(([, score]) => score > 0),
  );
}

/** Who may be found, over `search_entries e`. */
function entryFilter({ table, row, where, entries, needsRow, past }: Corpus): Sql {
  const conditions = [entries];
  if (!past) conditions.push(sql`e.to_position IS NULL`);
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
function shareEach(words: Scores, meaning: Scores, places: ReadonlyMap<number, Place>): Fused[] {
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

/** Where hits stand in what they were said in, if in anything. Their neighbours pass the same filter. */
function placesOf(db: Reader, corpus: Corpus, ids: number[]): ReadonlyMap<number, Place> {
  const where = entryFilter({ ...corpus, needsRow: true });
  const rows = db.all<{ id: number; session: string; before: number | null; after: number | null }>(
    sql`SELECT h.id, h.sequence AS session,
          (SELECT e.id FROM search_entries e WHERE e.sequence = h.sequence AND e.place < h.place AND ${where}
           ORDER BY e.place DESC LIMIT 1) AS before,
          (SELECT e.id FROM search_entries e WHERE e.sequence = h.sequence AND e.place > h.place AND ${where}
           ORDER BY e.place LIMIT 1) AS after
        FROM json_each(${JSON.stringify(ids)}) AS hit CROSS JOIN search_entries AS h ON h.id = hit.value
        WHERE h.sequence IS NOT NULL`,
  );
  const texts = corpus.texts(rows.map(({ id }) => id));
  return new Map(
    rows.map(({ id, ...place }) => [id, { ...place, asks: asksQuestion(texts.get(id)?.text ?? '') }] as const),
  );
}

/** How many texts there are, and how many have a term; for every version of them, which is near enough for a logarithm. */
export function statisticsOf(
  db: Reader,
  { words, vocabulary }: Pick<Corpus, 'words' | 'vocabulary'>,
): CorpusStatistics {
  const known = new Map<string, number>();
  const texts = textCount(db, words);
  const having = (spelling: string): number =>
    db.one<{ doc: number }>(sql`SELECT doc FROM ${raw(vocabulary)} WHERE term = ${spelling}`)?.doc ?? 0;
  return {
    texts,
    textsWith: (term) => {
      let count = known.get(term);
      if (count === undefined) {
        // A text may have two of the spellings: then this is a little more than there are.
        const sum = spellingsOf(term).reduce((total, spelling) => total + having(spelling), 0);
        known.set(term, (count = Math.min(texts, sum)));
      }
      return count;
    },
  };
}

/** A count that went no further than `most`. */
interface Count {
  most: number;
  count: number;
}

// Counting costs a pass over a table or an index, and neither a logarithm nor the choice of a way notices the growth of
// some seconds.
const COUNT_FOR = 5_000;
const counted = new WeakMap<Reader, LRUCache<string, Count>>();

function countsOf(db: Reader): LRUCache<string, Count> {
  let counts = counted.get(db);
  if (counts === undefined) counted.set(db, (counts = new LRUCache({ max: 1000, ttl: COUNT_FOR })));
  return counts;
}

function textCount(db: Reader, words: string): number {
  const counts = countsOf(db);
  let texts = counts.get(words)?.count;
  if (texts === undefined) {
    texts = db.one<{ count: number }>(sql`SELECT count(*) AS count FROM ${raw(`${words}_docsize`)}`)!.count;
    counts.set(words, { most: texts, count: texts });
  }
  return texts;
}

/** Names of our own tables, never a client's text. */
const raw = (text: string): Sql => ({ text, params: [] });
