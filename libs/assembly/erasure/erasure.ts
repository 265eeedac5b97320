import type { Feature } from '#projections';
import { erasure } from './erasure.decider.js';
import { erasureCatalog } from './erasure.events.js';
import { erasuresProjector } from './erasure.projector.js';
import { erasureReads } from './erasure.reads.js';
import { erasureUndoes } from './erasure.undo.js';

/** Erasing goes through every feature's tables; it is built like one of them. */
export const erasures: Feature = {
  catalog: erasureCatalog,
  deciders: [erasure],
  projectors: [erasuresProjector],
  reads: erasureReads,
  undoes: erasureUndoes,
};
