import type { Feature } from '#projections';
import { memory } from './memory.decider.js';
import { memoryCatalog } from './memory.events.js';
import { memoriesProjector } from './memory.projector.js';
import { memoryWordsProjector } from './memory-words.projector.js';
import { memoryReads } from './memory.reads.js';
import { memorySearch } from './memory.search.js';

/** What writer and reader threads need to know; the Nest side is `#memories/module`. */
export const memories: Feature = {
  catalog: memoryCatalog,
  deciders: [memory],
  projectors: [memoriesProjector, memoryWordsProjector],
  reads: [...memoryReads, ...memorySearch.reads],
};

export { expireEnded } from './expire.js';
export { memory, memoryWith } from './memory.decider.js';
export { MEMORY_TYPES, type MemoryEvent, type MemoryType } from './memory.events.js';
export type { MemorySearchAnswer } from './memory.search.js';
export type { Memory, NamespaceCount } from './memory.reads.js';
export { memorySearchable } from './memory.searchable.js';
