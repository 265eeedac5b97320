import type { EventCatalog } from '#kernel';
import type { Projector } from '#projections';
import type { Database, Migration } from '#storage';

/** What this lib has to be told of the features, which are its neighbours or above it. */
export interface Knowledge {
  catalog: EventCatalog;
  projectors: Projector[];
  migrations: Migration[];
  /** After the log was cut: takes back whatever is beside the tables of projectors and told of later entries. */
  forgetLater(db: Database): void;
}
