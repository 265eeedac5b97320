import type { DomainEvent, Recorded, RecordedOf } from '#kernel';
import type { Sql } from '#storage';

/** Turns one event into SQL. Pure: no clock, no randomness, no I/O, so that a rebuild tells the same story. */
export interface Projector {
  name: string;
  /** `inline`: rows are there when the write is answered. `catch-up`: they follow, and writes do not pay for them. */
  mode: 'inline' | 'catch-up';
  /**
   * Inline, but once for all writes of a transaction: for a full-text index, which makes a segment of its own of whatever
   * a savepoint brings. Rows are there before anybody is answered, and before anything is read in the transaction.
   */
  together?: true;
  /**
   * What happens to an event that it cannot digest. It stops there by default. `park`, where what follows does not depend
   * on it: the event is left aside with its reason, and tried again when asked. An inline one refuses the write instead.
   */
  poison?: 'park';
  /** Tables that it fills and does not own, keyed by what they hold: a rebuild begins with them, and adds what is missing. */
  shares?: string[];
  /** The tables it owns: only this projector writes to them. */
  tables: string[];
  on: Record<string, (event: Recorded) => Sql[]>;
}

/** The handlers of a projector: one for every event of `E`, so that forgetting one does not compile. */
export type Handlers<E extends DomainEvent> = {
  [T in E['type']]: (event: RecordedOf<Extract<E, { type: T }>>) => Sql[];
};

// The cast only forgets which event each handler takes: the log gives it the right one by its type.
export function projector<E extends DomainEvent>(
  name: string,
  { on, ...rest }: Omit<Projector, 'name' | 'on'> & { on: Handlers<E> },
): Projector {
  return { name, ...rest, on: on as unknown as Projector['on'] };
}

/** The SQL of these events, in order. */
export function* project({ on }: Projector, events: Iterable<Recorded>): Iterable<Sql> {
  for (const event of events) {
    const handler = on[event.type];
    if (handler !== undefined) yield* handler(event);
  }
}
