export { closeness, RefusedTexts, type Embedder, type QueryVector } from './embeddings.js';
export { fillVectors, type FillPorts, type Filling } from './fill.js';
export { fuseRanks, fuseWeighted, DEFAULT_WEIGHTS, type Weights } from './fuse.js';
export { LocalEmbedder } from './local-embedder.js';
export { Meaning, type QueryMeaning } from './meaning.js';
export { sequenceOf } from './neighbours.js';
export { OllamaEmbedder } from './ollama-embedder.js';
export { searchProjector } from './search.projector.js';
export { embeddingBacklog, embeddingModels, searchReads, searchStatus, type SearchStatus } from './search.reads.js';
export { searchTexts, type Corpus, type Found, type Fusion, type SearchMode, type TextQuery } from './search.js';
export type { Searchable, SearchChange } from './searchable.js';
export {
  CACHE_TABLES,
  missingTexts,
  type Backlog,
  type MissingText,
  parkText,
  rebuildVectorIndex,
  retryParked,
  registerModel,
  storeVector,
  type EmbeddingModel,
} from './vector-store.js';
export { metadataWords, termOf, wordsOf } from './words.js';
