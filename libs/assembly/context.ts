import type { Feature } from '#projections';
import { context } from './context.decider.js';
import { contextCatalog } from './context.events.js';
import { contextsProjector } from './context.projector.js';
import { contextReads } from './context.reads.js';
import { contextUndoes } from './context.undo.js';

/** Context synthesis joins what the features know; it is built like one of them. */
export const contexts: Feature = {
  catalog: contextCatalog,
  deciders: [context],
  projectors: [contextsProjector],
  reads: contextReads,
  undoes: contextUndoes,
};
