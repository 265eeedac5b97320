import type { Decider, DomainEvent, Recorded, RecordedOf } from '#kernel';
import type { Reader } from '#storage';
import type { Step } from './transactor.js';

/** An entry of somebody else's that stands on what is to be taken back. */
export interface Dependent {
  position: number;
  type: string;
  stream: string;
  correlation_id: string;
}

/** How one event is taken back: by a command that leads to new events, not at all and rightly so, or not at all. */
export type Undone =
  | { take: Step; what: string }
  | { keep: string }
  /** `because`: what was written since and would be lost; empty when it could not be taken back anyway. */
  | { refuse: string; because: Dependent[] };

/** What a feature may look at when it says how an event is taken back. */
export interface Undoing {
  db: Reader;
  /** All events of the operation in this stream, oldest first. */
  own: Recorded[];
  /** Position just before the first of them. */
  before: number;
  /** The decider's state just before the first of them, and now. */
  states<S>(decider: { initial: S; evolve: Decider<never, never, S>['evolve'] }): { before: S; now: S };
  /** What others have written to this stream since and what still counts: not what was taken back itself. */
  later(): Dependent[];
  /** The entry at a position, if it is somebody else's and still counts. */
  othersAt(position: number): Dependent | undefined;
}

export type Undo<E extends DomainEvent> = (event: RecordedOf<E>, undoing: Undoing) => Undone;

/**
 * How the events of a feature are taken back: an answer for every type, so that one which is forgotten does not compile.
 * Steps that are the same for several events are taken once, so an answer may speak for all events of its stream.
 */
export type Undoes<E extends DomainEvent> = {
  [T in E['type']]: Undo<Extract<E, { type: T }>>;
};

/** Answers whose event types have been forgotten, as they are looked up by name. */
export type AnyUndoes = Record<string, (event: never, undoing: Undoing) => Undone>;
