import { LRUCache } from 'lru-cache';
import {
  conflict,
  DomainError,
  versionConflict,
  type AnyDecider,
  type Caller,
  type DomainEvent,
  type EventCatalog,
  type Recorded,
} from '#kernel';
import type { AnyRead, Database, Read } from '#storage';
import type { CommittedEvent } from './audit-log.js';
import { LogReader } from './log-reader.js';
import { commitIdOf, committedEvent, type LogWriter } from './log-writer.js';

/** What must hold for a command to be decided. */
export interface Conditions {
  /** Version that the stream must be at; refused with 412 otherwise. */
  expected?: number;
  /** Streams that must exist and be open: what the command refers to. */
  requires?: string[];
}

/**
 * One thing to do in a transaction: decide a command and append what follows, ask a read, or let a read choose the
 * command that is decided next, or plan all steps. Nobody writes between a choice and its decision, so two who ask at once for the next
 * thing to do never get the same one. A read that answers `null` chooses nothing: then `null` is the result.
 */
export type Step =
  | ({ decider: string; command: object } & Conditions)
  | { read: string; input: unknown }
  | ({ choose: string; input: unknown; by: string } & Conditions)
  | { plan: string; input: unknown };

/** The step that decides a command, with what must hold for it. */
export const decideStep = <C extends { type: string }>(
  { name }: { name: string; stream(command: C): string },
  command: C,
  conditions: Conditions = {},
): Step => ({ decider: name, command, ...conditions });

/** The step that lets a read choose the command to decide. */
export const chooseStep = <C extends { type: string }, I>(
  { name: by }: { name: string; stream(command: C): string },
  { name }: Read<I, C | null>,
  input: I,
  conditions: Conditions = {},
): Step => ({ choose: name, input, by, ...conditions });

/** The step that asks a read in the transaction. */
export const readStep = <I>({ name }: Read<I, unknown>, input: I): Step => ({ read: name, input });

/** The step that asks a read what to do, and does it: nothing can be written between the question and the deed. */
export const planStep = <I>({ name }: Read<I, Planned>, input: I): Step => ({ plan: name, input });

/** What such a read comes to. */
export interface Planned {
  steps: Step[];
  /** What is said of it. */
  answer: unknown;
}

/** What became of a plan: its answer, and what deciding each of its steps came to. */
export interface Carried {
  answer: unknown;
  carried: unknown[];
}

/** Steps that happen in order, all or none. */
export interface Work {
  caller: Caller;
  steps: Step[];
  /** Do all of it, say what came of it, and undo it: nothing is written. */
  rehearse?: true;
}

/** Leaves the savepoint of a rehearsal, so that it is undone. */
export class Rehearsed extends Error {
  override readonly name = 'Rehearsed';

  constructor(readonly answer: WorkAnswer) {
    super('Only rehearsed');
  }
}

/** What deciding a command came to. */
export interface Decision {
  stream: string;
  /** Version of the stream afterwards. */
  version: number;
  /** Position of the stream's last event afterwards. */
  position: number;
  /** The events of this command, in its order; those that were there before have `repeated`. */
  events: (CommittedEvent & { repeated?: boolean })[];
}

export interface WorkAnswer {
  /** For each step its {@link Decision}, or the answer of its read; `null` where nothing was chosen. */
  results: unknown[];
  /** Position of the last event that this work appended or found. */
  position: number;
  /** The same idempotency key had been answered before: these are the first results. */
  replayed: boolean;
}

/** What a write came to, as handlers report it: the thing as of that write, and where it stands in the log. */
export interface Written<T> {
  value: T;
  version: number;
  position: number;
  /** The write had happened before; this is its first answer. */
  repeated: boolean;
}

interface Folded {
  state: unknown;
  version: number;
  position: number;
}

/** About how much folded state is kept between transactions, in bytes. */
const CACHE_SIZE = 8_000_000;

/**
 * Loads, folds, decides and appends, in the writer's transaction. Folded states are kept and brought up to date from
 * the log each time, so the 10,000th event of a stream costs what the first did.
 */
export class Transactor {
  private readonly folded = new LRUCache<string, Folded>({ maxSize: CACHE_SIZE, maxEntrySize: CACHE_SIZE / 4 });
  private readonly log: LogReader;
  constructor(
    private readonly db: Database,
    private readonly writer: LogWriter,
    private readonly deciders: Map<string, AnyDecider>,
    private readonly reads: Map<string, AnyRead>,
    catalog: EventCatalog,
    /** Before a read: what this work has appended must be there for it. */
    private readonly onRead: () => void = () => undefined,
    /** Told of each stream that has events: whether its state was here already, or had to be folded from its beginning. */
    private readonly onLoad: (known: boolean) => void = () => undefined,
  ) {
    this.log = new LogReader(db, catalog);
  }

  execute(work: Work): WorkAnswer {
    const touched: string[] = [];
    try {
      const answer = this.answer(work, touched);
      if (work.rehearse) throw new Rehearsed(answer);
      return answer;
    } catch (error) {
      // These states may hold events that are being rolled back.
      for (const stream of touched) this.folded.delete(stream);
      throw error;
    }
  }

  /** Drops what was folded in a transaction that did not happen. */
  forget(): void {
    this.folded.clear();
  }

  private answer({ caller, steps }: Work, touched: string[]): WorkAnswer {
    const { idempotency } = caller;
    const commitId = idempotency && commitIdOf(idempotency.key);
    if (commitId !== undefined) {
      const first = this.writer.recall(commitId, idempotency!.fingerprint);
      if (first !== undefined) return { ...(first as WorkAnswer), replayed: true };
    }
    const results = this.performAll(steps, caller, touched);
    const decided = results.flatMap((result) => (isCarried(result) ? result.carried : [result]));
    const positions = decided.filter(isDecision).map(({ position }) => position);
    const answer = {
      results,
      position: positions.length > 0 ? Math.max(...positions) : this.writer.position,
      replayed: false,
    };
    if (commitId !== undefined) this.writer.remember(commitId, idempotency!.fingerprint, answer, caller.time);
    return answer;
  }

  private performAll(steps: Step[], caller: Caller, touched: string[]): unknown[] {
    const results: unknown[] = [];
    try {
      for (const step of steps) {
        results.push(this.perform(step, caller, touched));
      }
      return results;
    } catch (error) {
      if (error instanceof DomainError) error.details.failed_step = results.length;
      throw error;
    }
  }

  private perform(step: Step, caller: Caller, touched: string[]): unknown {
    if ('read' in step) return this.ask(step.read, step.input);
    if ('decider' in step) return this.decide(step.decider, step.command, step, caller, touched);
    if ('plan' in step) {
      const { steps, answer } = this.ask(step.plan, step.input) as Planned;
      return { answer, carried: this.performAll(steps, caller, touched) } satisfies Carried;
    }
    const command = this.ask(step.choose, step.input) as object | null;
    return command === null ? null : this.decide(step.by, command, step, caller, touched);
  }

  private ask(read: string, input: unknown): unknown {
    this.onRead();
    return this.reads.get(read)!.run(this.db, input);
  }

  private decide(
    name: string,
    command: object,
    { expected, requires = [] }: Conditions,
    caller: Caller,
    touched: string[],
  ): Decision {
    const decider = this.deciders.get(name)!;
    const stream = decider.stream(command);
    touched.push(stream);
    const before = this.load(decider, stream);
    const ids = decider.eventIds?.(command) ?? [];
    const given = ids.filter((id) => id !== undefined);
    const found = given.length === 0 ? NONE : this.writer.find(stream, given);
    const repeats = ids.length > 0 && ids.every((id) => id !== undefined && found.has(id));
    // A repetition is recognised before its expectation is held against it.
    if (expected !== undefined && expected !== before.version && !repeats) {
      throw versionConflict(stream, `version ${expected}`, before.version === 0 ? null : before.version);
    }
    this.requireOpen(requires);
    const events = decider.decide(command, before.state, {
      time: caller.time,
      actor: caller.actor,
      version: before.version,
      seen: new Set(found.keys()),
    });
    const recorded = this.append(stream, events, before.version, caller);
    const after = this.advance(decider, stream, before, recorded);
    return {
      stream,
      version: after.version,
      position: after.position,
      events: ids.length === 0 ? recorded.map(committedEvent) : inOrder(ids, found, events, recorded),
    };
  }

  private append(stream: string, events: DomainEvent[], version: number, caller: Caller): Recorded[] {
    const versions = new Map([[stream, version]]);
    return this.writer.append(
      events.map((event) => ({ ...event, stream })),
      versions,
      caller,
      caller.time,
    );
  }

  private requireOpen(streams: string[]): void {
    for (const stream of streams) {
      const { version, closed } = this.writer.streamTip(stream);
      if (version === 0 || closed) {
        const [kind, id] = stream.split(':');
        throw conflict(`unknown-${kind}`, `There is no ${kind} ${decodeURIComponent(id ?? '')} to refer to.`);
      }
    }
  }

  private load(decider: AnyDecider, stream: string): Folded {
    const fresh = { state: decider.initial, version: 0, position: 0 };
    const kept = this.folded.get(stream);
    const known = kept ?? fresh;
    // Asking for the tip alone costs a quarter of asking for rows, and nearly always there are none.
    const tip = this.writer.streamTip(stream);
    if (tip.version > 0) this.onLoad(kept !== undefined);
    if (tip.version === known.version && tip.position === known.position) return known;
    // After an erasure by another process the stream has begun anew: what was folded is of another one.
    const holds = known.version < tip.version && this.writer.holds(stream, known.version, known.position);
    const from = holds ? known : fresh;
    if (tip.version === 0) this.folded.delete(stream);
    return this.advance(decider, stream, from, this.log.stream(stream, { from: from.version + 1 }));
  }

  private advance(
    decider: AnyDecider,
    stream: string,
    { state, version, position }: Folded,
    events: Recorded[],
  ): Folded {
    let next = state;
    for (const event of events) next = decider.evolve(next, event);
    const last = events.at(-1);
    const folded = { state: next, version: last?.version ?? version, position: last?.position ?? position };
    if (folded.version > 0) this.folded.set(stream, folded, { size: sizeOf(stream, events) });
    return folded;
  }
}

/** For each event that a command brought, in its order: the one that was there before, or the one recorded now. */
function inOrder(
  ids: (string | undefined)[],
  found: ReadonlyMap<string, CommittedEvent>,
  events: DomainEvent[],
  recorded: Recorded[],
): Decision['events'] {
  const own = new Map<string | undefined, CommittedEvent>();
  const nameless: CommittedEvent[] = [];
  recorded.map(committedEvent).forEach((event, index) => {
    const { id } = events[index]!;
    if (id === undefined) nameless.push(event);
    else own.set(id, event);
  });
  let next = 0;
  return ids.map((id) => {
    if (id === undefined) return nameless[next++]!;
    const before = found.get(id);
    return before === undefined ? own.get(id)! : { ...before, repeated: true };
  });
}

const NONE: ReadonlyMap<string, CommittedEvent> = new Map();

const isCarried = (result: unknown): result is Carried =>
  typeof result === 'object' && result !== null && 'carried' in result;

const isDecision = (result: unknown): result is Decision =>
  typeof result === 'object' && result !== null && 'stream' in result && 'events' in result;

// A state holds at most about what its last event brought: cheap to know, and near enough for a bound. As objects, data
// take some four times the characters of their text, and a small state still takes its place in the maps.
const sizeOf = (stream: string, events: Recorded[]): number => 1500 + stream.length + 4 * (events.at(-1)?.size ?? 0);
