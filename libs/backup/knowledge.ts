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
  /** Erases again from a file that nobody has open what the list in this directory says. Returns how many erasures that were. */
  eraseAgain(file: string, directory: string, onErased: (done: number, total: number) => void): Promise<number>;
}
