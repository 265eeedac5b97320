import type { DomainEvent, RecordedOf } from './event.js';

/** What a decision may know besides the state: nothing that changes between two replays. */
export interface DecisionContext {
  /** The caller's time, ISO-8601 UTC. */
  time: string;
  actor: string;
  /** Version of the stream the decision is made on; 0 when it has no events. */
  version: number;
  /** Client-given event ids of this command that the stream holds already. */
  seen: ReadonlySet<string>;
}

/**
 * The only place for a rule. Pure: the same command on the same state gives the same events, and the same command
 * twice gives nothing the second time, unless the contract says that it is a conflict.
 */
export interface Decider<Command extends { type: string }, Event extends DomainEvent, State> {
  /** Name under which commands are sent to it, for instance `memory`. */
  name: string;
  initial: State;
  stream(command: Command): string;
  decide(command: Command, state: State, context: DecisionContext): Event[];
  evolve(state: State, event: RecordedOf<Event>): State;
  /** For each event that this command brings, the id that the client gave to it, if any. */
  eventIds?(command: Command): (string | undefined)[];
}

/** A decider whose types have been forgotten, as the log keeps them in its list. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyDecider = Decider<any, any, any>;
