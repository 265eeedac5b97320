import type { Feature } from '#projections';
import { conflict } from './conflict.decider.js';
import { conflictCatalog } from './conflict.events.js';
import { conflictsProjector } from './conflict.projector.js';
import { conflictReads } from './conflict.reads.js';
import { fingerprintReads } from './fingerprint.reads.js';
import { memory } from './memory.decider.js';
import { conflictUndoes } from './conflict.undo.js';
import { memoryCatalog } from './memory.events.js';
import { memoriesProjector } from './memory.projector.js';
import { memoryWordsProjector } from './memory-words.projector.js';
import { memoryReads, memorySnapshot } from './memory.reads.js';
import { memorySearch } from './memory.search.js';
import { memoryProvenance } from './memory.provenance.js';
import { memoryUndoes } from './memory.undo.js';
import { quarantine } from './quarantine.decider.js';
import { quarantineCatalog } from './quarantine.events.js';
import { quarantineReads } from './quarantine.reads.js';
import { quarantineUndoes } from './quarantine.undo.js';
import { setAsideReads } from './set-aside.reads.js';

/** What writer and reader threads need to know; the Nest side is `#memories/module`. */
export const memories: Feature = {
  catalog: { ...memoryCatalog, ...conflictCatalog, ...quarantineCatalog },
  deciders: [memory, conflict, quarantine],
  projectors: [memoriesProjector, memoryWordsProjector, conflictsProjector],
  reads: [
    ...memoryReads,
    ...memorySearch.reads,
    ...conflictReads,
    ...fingerprintReads,
    ...setAsideReads,
    ...quarantineReads,
  ],
  undoes: { ...memoryUndoes, ...conflictUndoes, ...quarantineUndoes },
  provenance: memoryProvenance,
  snapshots: { memory: memorySnapshot },
};

export { archive, type ArchiveInput, type ArchiveResult } from './archive.js';
export { conflict } from './conflict.decider.js';
export { conflictIdOf } from './conflict-id.js';
export { CONFLICT_KINDS, STRATEGIES, type ConflictKind, type Resolution, type Strategy } from './conflict.events.js';
export { conflictNamespaces, type Conflict } from './conflict.reads.js';
export { scanConflicts } from './conflict-scan.js';
export {
  consolidate,
  type ConsolidationInput,
  type ConsolidationPorts,
  type ConsolidationResult,
} from './consolidation.js';
export { summariseEpisodes, type EpisodicInput, type EpisodicResult } from './episodes.js';
export { compare, statementOf, type Verdict } from './statement.js';
export { expireEnded } from './expire.js';
export { memory, memoryStream, memoryWith } from './memory.decider.js';
export type { ConflictEvent } from './conflict.events.js';
export { MEMORY_TYPES, type MemoryEvent, type MemoryType } from './memory.events.js';
export { MEMORY_WORDS, memorySearch, type MemorySearchAnswer, type MemorySearchInput } from './memory.search.js';
export type { Moment } from './memory.filter.js';
export { memoriesById, memoryAt, memoryIfAny, newestTold, toldByKey, type Told } from './memory.reads.js';
export type { Memory } from './memory.row.js';
export type { NamespaceCount } from './namespace.reads.js';
export { memorySearchable } from './memory.searchable.js';
export { quarantine } from './quarantine.decider.js';
export type { QuarantineSource } from './quarantine.events.js';
export { planQuarantine, type Quarantine } from './quarantine.reads.js';
