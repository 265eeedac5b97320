import type { AnyUndoes, Provenance, Snapshots } from '#audit-log';
import type { AnyDecider, EventCatalog } from '#kernel';
import type { AnyRead } from '#storage';
import type { Projector } from './projector.js';

/** What a feature brings to the threads: rules and tables for the writer, questions for the readers. */
export interface Feature {
  catalog: EventCatalog;
  deciders: AnyDecider[];
  projectors: Projector[];
  reads: AnyRead[];
  /** How each of its events is taken back when what was done under a correlation id is reverted. */
  undoes: AnyUndoes;
  /** For those that make something of something else: what of. */
  provenance?: Provenance;
  /** By kind of stream, the things that can be compared at two positions. */
  snapshots?: Snapshots;
}
