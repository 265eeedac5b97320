/**
 * The word score: which share of what a query asks for a text has, 0..1. FTS5 finds and pre-sorts the candidates; this
 * scores them again, because FTS5's bm25 has fixed k1 = 1.2, b = 0.75, made for long articles, no upper bound, and
 * no score for a word that is only in the metadata. Of short texts it matters which words are there, hardly how often.
 *
 *   score = sum over query terms of idf(t) * f / (f + K1 * (1 - B + B * length / REFERENCE_LENGTH))  /  sum of idf(t)
 */
import { termOf, wordsOf, type QueryWord } from './words.js';

const K1 = 0.4;
const B = 0.2;
/** Words of a usual text: a constant, so that a score does not change with what others write. */
const REFERENCE_LENGTH = 30;

export interface CorpusStatistics {
  /** Texts in the index. */
  texts: number;
  /** In how many of them a term occurs; 0 when in none. With SQLite: `SELECT doc FROM <fts5vocab row table> WHERE term = ?`. */
  textsWith(term: string): number;
}

/** How telling a term is: > 0, about ln(texts / textsWith). */
export function idf(statistics: CorpusStatistics, term: string): number {
  const having = statistics.textsWith(term);
  return Math.log(1 + (Math.max(0, statistics.texts - having) + 0.5) / (having + 0.5));
}

export interface WordScore {
  /** 0..1 */
  score: number;
  /** The query's terms that were found, for `explain`. */
  matched: string[];
}

/** Scores candidates for one query: prepared once, called per candidate. */
export class WordScorer {
  private readonly weights: Map<string, number>;
  private readonly total: number;

  constructor(asked: readonly QueryWord[], statistics: CorpusStatistics) {
    this.weights = new Map(asked.map(({ term }) => [term, idf(statistics, term)]));
    this.total = [...this.weights.values()].reduce((sum, weight) => sum + weight, 0);
  }

  /** The most that a text can score which has only these words of the query. */
  most(words: readonly QueryWord[]): number {
    const sum = words.reduce((weight, { term }) => weight + (this.weights.get(term) ?? 0), 0);
    return this.total > 0 ? sum / this.total : 0;
  }

  /** @param text the text; @param metadata its searchable metadata (words.ts, metadataWords): there a word counts once, and adds no length. */
  score(text: string, metadata = ''): WordScore {
    const counts = new Map<string, number>();
    const words = wordsOf(text);
    for (const word of words) {
      const term = termOf(word);
      if (this.weights.has(term)) counts.set(term, (counts.get(term) ?? 0) + 1);
    }
    for (const word of wordsOf(metadata)) {
      const term = termOf(word);
      if (this.weights.has(term) && !counts.has(term)) counts.set(term, 1);
    }
    const damping = K1 * (1 - B + (B * words.length) / REFERENCE_LENGTH);
    let sum = 0;
    for (const [term, count] of counts) sum += (this.weights.get(term)! * count) / (count + damping);
    return { score: this.total > 0 ? sum / this.total : 0, matched: [...counts.keys()] };
  }
}
