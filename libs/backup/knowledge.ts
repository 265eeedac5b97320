import type { EventCatalog } from '#kernel';
import type { Projector } from '#projections';
import type { Database, Migration } from '#storage';

/** What this lib has to be told of the features, which are its neighbours or above it. */
export interface Knowledge {
  catalog: EventCatalog;
  projectors: Projector[];
  migrations: Migration[];
  /** Removes from caches what nothing refers to any more. */
  forgetUnused(db: Database): void;
}
