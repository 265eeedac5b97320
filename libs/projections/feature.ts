import type { AnyDecider, EventCatalog } from '#kernel';
import type { AnyRead } from '#storage';
import type { Projector } from './projector.js';

/** What a feature brings to the threads: rules and tables for the writer, questions for the readers. */
export interface Feature {
  catalog: EventCatalog;
  deciders: AnyDecider[];
  projectors: Projector[];
  reads: AnyRead[];
}
