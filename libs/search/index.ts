import type { Feature } from '#projections';
import { feedback } from './feedback.decider.js';
import { feedbackCatalog } from './feedback.events.js';
import { feedbackProjector } from './feedback.projector.js';
import { feedbackTotals, searchIdKey } from './feedback.reads.js';
import { feedbackUndoes } from './feedback.undo.js';
import { searchProjector } from './search.projector.js';
import { searchReads } from './search.reads.js';
import type { Searchable } from './searchable.js';

/** What writer and reader threads need to know, of what those features say that can be found. */
export const search = (searchables: Searchable[]): Feature => ({
  catalog: feedbackCatalog,
  deciders: [feedback],
  projectors: [searchProjector(searchables), feedbackProjector],
  reads: [...searchReads, feedbackTotals, searchIdKey],
  undoes: feedbackUndoes,
});

export { closeness, RefusedTexts, type Embedder, type QueryMeaning, type QueryVector } from './embeddings.js';
export { fillVectors, type FillPorts, type Filling } from './fill.js';
export { fuseRanks, fuseWeighted, DEFAULT_WEIGHTS, type Weights } from './fuse.js';
export { LocalEmbedder } from './local-embedder.js';
export { hashOf } from './hash.js';
export { codesOf, cosineOf } from './likeness.js';
export { Meaning } from './meaning.js';
export { halved, type HalvedSearch } from './halves.js';
export { sequenceOf } from './neighbours.js';
export { OllamaChat, type Chat } from './ollama-chat.js';
export { OllamaEmbedder } from './ollama-embedder.js';
export { feedback } from './feedback.decider.js';
export { FEEDBACK_SIGNALS, type FeedbackSignal, type SearchFeedbackGiven } from './feedback.events.js';
export { feedbackTotals, searchIdKey } from './feedback.reads.js';
export { SearchIds, type AnsweredSearch } from './search-ids.js';
export { embeddingBacklog, embeddingModels, searchStatus, type SearchStatus } from './search.reads.js';
export {
  searchTexts,
  type Corpus,
  type Found,
  type Fusion,
  type Halves,
  type SearchMode,
  type TextQuery,
  type WordHalf,
} from './search.js';
export type { Searchable, SearchChange } from './searchable.js';
export {
  CACHE_TABLES,
  forgetUnusedTexts,
  missingTexts,
  type Backlog,
  type MissingText,
  parkText,
  retryParked,
  registerModel,
  storeVector,
  type EmbeddingModel,
} from './vector-store.js';
export { rebuildVectorIndex, VECTOR_INDEX } from './vector-index.js';
export { vectorFlaws, type VectorFlaw } from './vector-flaws.js';
export { metadataWords, termOf, wordsOf } from './words.js';
export { CALL_RESULTS, watchedEmbedder, type CallResult } from './watched-embedder.js';
