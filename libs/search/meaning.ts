import type { ReadSide } from '#storage';
import type { Embedder, QueryMeaning } from './embeddings.js';
import { embeddingModels, searchStatistics } from './search.reads.js';

/** How long a model that did not answer a query is left alone, in milliseconds: queries must not wait for it in turn. */
const PAUSE = 3_000;

/** Share of the vectors of the largest model that a new one needs before queries change over to it. */
const READY = 0.95;

/** What a query means, as a vector of the model that has the vectors. */
export class Meaning {
  private pausedUntil = 0;

  constructor(
    private readonly reads: ReadSide,
    /** The model that texts are embedded with from now on. */
    readonly embedder: Embedder,
    /** Embedders of models that may still have vectors here, by name. */
    private readonly embedderOf: (name: string, dimensions: number) => Embedder | undefined,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  /** `undefined` when nothing can tell: no vectors yet, or a model that is away. Then words alone answer. */
  async of(query: string, corpus: { words: string; vocabulary: string }): Promise<QueryMeaning | undefined> {
    const model = this.active();
    if (model === undefined || performance.now() < this.pausedUntil) return undefined;
    const { texts, having } = this.reads.point(searchStatistics, { ...corpus, query });
    const counts = new Map(having);
    try {
      const embedder = this.embedderOf(model.name, model.dimensions);
      if (embedder === undefined) return undefined;
      const vector = await embedder.embedQuery(query, { texts, textsWith: (term) => counts.get(term) ?? 0 });
      return { ...vector, model };
    } catch (error) {
      this.pausedUntil = performance.now() + PAUSE;
      this.onFailure(error);
      return undefined;
    }
  }

  /** The model that answers: the chosen one, or, while it is being filled, the one that was there before. */
  active(): QueryMeaning['model'] | undefined {
    const models = this.reads.point(embeddingModels, null).filter(({ vectors }) => vectors > 0);
    const largest = models[0];
    const chosen = models.find(
      ({ name, dimensions }) => name === this.embedder.model && dimensions === this.embedder.dimensions,
    );
    return chosen !== undefined && chosen.vectors >= READY * largest!.vectors ? chosen : largest;
  }
}
