import { projectionStatus } from '#projections';
import { defineRead, sql } from '#storage';
import { statisticsOf } from './search.js';
import { missingTexts, MODEL_STRIDE, type EmbeddingModel, type Backlog } from './vector-store.js';
import { queryWords } from './words.js';

export interface StatisticsInput {
  words: string;
  vocabulary: string;
  query: string;
}

/** How telling the words of a query are: how many texts there are, and how many have each term. */
export const searchStatistics = defineRead(
  'search.statistics',
  (db, { query, ...tables }: StatisticsInput): { texts: number; having: [string, number][] } => {
    const { texts, textsWith } = statisticsOf(db, tables);
    return { texts, having: queryWords(query).map(({ term }) => [term, textsWith(term)]) };
  },
);

/** Models that have vectors here, those with the most first. */
export const embeddingModels = defineRead('search.models', (db, _: null): (EmbeddingModel & { vectors: number })[] =>
  db.all(sql`SELECT id, name, dimensions, vector_count AS vectors FROM embedding_models ORDER BY vector_count DESC`),
);

export interface BacklogInput {
  model: EmbeddingModel;
  /** Texts up to this one are known to have their vectors. */
  after: number;
  limit: number;
}

/** The embedder's work: texts without a vector of a model. */
export const embeddingBacklog = defineRead('search.backlog', (db, { model, after, limit }: BacklogInput): Backlog =>
  missingTexts(db, model, limit, after),
);

export interface SearchStatus {
  texts: number;
  vectors: number;
  backlog: number;
  /** Entries of the log whose texts are not counted yet. */
  lag: number;
  /** How many texts could not be embedded. */
  parked_count: number;
  /** The first hundred of them, with the reason. */
  parked: { text_id: number; reason: string; attempts: number; failed_at: string }[];
}

/** All of one moment: a backlog from before the texts came and a lag from after would look like nothing left to do. */
export const searchStatus = defineRead(
  'search.status',
  (db, { name, dimensions }: { name: string; dimensions: number }): SearchStatus => {
    const model = db.one<{ id: number; vectors: number }>(
      sql`SELECT id, vector_count AS vectors FROM embedding_models WHERE name = ${name} AND dimensions = ${dimensions}`,
    );
    const { texts } = db.one<{ texts: number }>(sql`SELECT count(*) AS texts FROM search_texts`)!;
    const base = (model?.id ?? 0) * MODEL_STRIDE;
    const parked = sql`retry = 0 AND id > ${base} AND id < ${base + MODEL_STRIDE}`;
    const { count } = db.one<{ count: number }>(sql`SELECT count(*) AS count FROM embedding_failures WHERE ${parked}`)!;
    const vectors = model?.vectors ?? 0;
    return {
      texts,
      vectors,
      backlog: Math.max(0, texts - vectors - count),
      lag: projectionStatus.run(db, null).find((projection) => projection.name === 'search')?.lag ?? 0,
      parked_count: count,
      parked: db.all(
        sql`SELECT id - ${base} AS text_id, reason, attempts, failed_at FROM embedding_failures
            WHERE ${parked} ORDER BY id LIMIT 100`,
      ),
    };
  },
);

export const searchReads = [searchStatistics, embeddingModels, embeddingBacklog, searchStatus];
