import { conflict, DomainError, notFound, type EventCatalog, type Recorded } from '#kernel';
import { defineRead, sql, type Read, type Reader } from '#storage';
import { ERASED, LogReader } from './log-reader.js';
import { reversal, reversalStream, type ReversalEvent, type ReversalState } from './reversal.decider.js';
import { decideStep, type Planned, type Step } from './transactor.js';
import type { AnyUndoes, Dependent, Undoes, Undoing, Undone } from './undo.js';

export interface RevertInput {
  /** The correlation id of what is to be taken back. */
  operation: string;
  /** The correlation id under which that happens. */
  by: string;
  /** What cannot be taken back is told instead of refused. */
  dry_run: boolean;
}

/** What becomes of one event of the operation. */
export interface Reverted {
  position: number;
  type: string;
  stream: string;
  /** In words. */
  what: string;
}

export interface Revert {
  operation: string;
  /** Correlation id of the events that take it back; `null` when nothing is taken back. */
  reverted_by: string | null;
  /** It had been taken back before: there is nothing left to do. */
  already: boolean;
  taken_back: Reverted[];
  /** What stays as it is, and why that is right. */
  kept: Reverted[];
  /** What stands in the way: then nothing is taken back. */
  refused: (Reverted & { because: Dependent[] })[];
}

/** Most events of one operation that can be taken back: it is one transaction. */
const MAX_EVENTS = 10_000;
/** As many dependents are named for one event. */
const NAMED = 20;

/**
 * Plans how everything under a correlation id is taken back: its events from the last to the first, each as its feature
 * says. Runs in the writer's transaction, with the steps that it plans, so that nothing can slip in between.
 */
export const revertPlan = (undoes: AnyUndoes, catalog: EventCatalog, derived: DependsOn): Read<RevertInput, Planned> =>
  defineRead('audit.revert-plan', (db, input: RevertInput): Planned => {
    const { operation, by, dry_run } = input;
    const answer: Revert = {
      operation,
      reverted_by: null,
      already: false,
      taken_back: [],
      kept: [],
      refused: [],
    };
    const look = new Look(db, operation, catalog);
    const own = look.own();
    if (own.length === 0) throw notFound('operation', operation);
    const before = look.reversalOf(operation).reverted_by;
    if (before !== null) return { steps: [], answer: { ...answer, reverted_by: before, already: true } };
    const steps = new Map<string, Step>();
    for (const event of own.toReversed()) {
      const { position, type, stream } = event;
      if (type === ERASED) {
        answer.kept.push({ position, type, stream, what: 'what was erased is gone' });
        continue;
      }
      const undone = (undoes[type]! as (event: Recorded, undoing: Undoing) => Undone)(event, look.at(stream, derived));
      if ('keep' in undone) answer.kept.push({ position, type, stream, what: undone.keep });
      else if ('refuse' in undone) {
        answer.refused.push({ position, type, stream, what: undone.refuse, because: undone.because });
      } else {
        const key = JSON.stringify(undone.take);
        if (!steps.has(key)) answer.taken_back.push({ position, type, stream, what: undone.what });
        steps.set(key, undone.take);
      }
    }
    if (answer.refused.length > 0) {
      if (dry_run) return { steps: [], answer: { ...answer, taken_back: [] } };
      throw refusal(answer);
    }
    if (steps.size === 0) return { steps: [], answer };
    const mark = decideStep(reversal, { type: 'MarkReverted', operation, by });
    return { steps: [...steps.values(), mark], answer: { ...answer, reverted_by: by } };
  });

/** Entries elsewhere that were made from what these events of a stream made. */
export type DependsOn = (db: Reader, own: Recorded[]) => number[];

/** A look at the log from where an operation is to be taken back. */
class Look {
  private readonly log: LogReader;
  private readonly streams = new Map<string, Recorded[]>();
  private readonly counting = new Map<string, boolean>();
  private readonly looks = new Map<string, Undoing>();

  constructor(
    private readonly db: Reader,
    private readonly operation: string,
    catalog: EventCatalog,
  ) {
    this.log = new LogReader(db, catalog);
  }

  own(): Recorded[] {
    const events = this.log.correlated(this.operation, MAX_EVENTS + 1);
    if (events.length > MAX_EVENTS) {
      throw conflict(
        'revert-too-large',
        `${this.operation} wrote more than ${MAX_EVENTS} events: too much for one transaction.`,
        'Restore to a position before it, or take it back by hand.',
      );
    }
    for (const event of events) {
      const before = this.streams.get(event.stream);
      if (before === undefined) this.streams.set(event.stream, [event]);
      else before.push(event);
    }
    return events;
  }

  reversalOf(operation: string): ReversalState {
    const events = this.log.stream(reversalStream(operation), { backward: true, limit: 1 });
    return events.reduce((state, event) => reversal.evolve(state, event as never), reversal.initial);
  }

  at(stream: string, derived: DependsOn): Undoing {
    const known = this.looks.get(stream);
    if (known !== undefined) return known;
    const own = this.streams.get(stream)!;
    const before = own[0]!.position - 1;
    let later: Dependent[] | undefined;
    const undoing: Undoing = {
      db: this.db,
      own,
      before,
      states: ({ initial, evolve }) => {
        const fold = (events: Recorded[], from: typeof initial) =>
          events.reduce((state, event) => evolve(state, event as never), from);
        const past = fold(this.log.stream(stream, { asOf: before }), initial);
        return { before: past, now: fold(this.log.stream(stream, { from: own[0]!.version }), past) };
      },
      later: () => (later ??= [...this.laterIn(stream, own[0]!.version), ...this.derivedFrom(own, derived)]),
      othersAt: (position) => this.othersAt(position),
    };
    this.looks.set(stream, undoing);
    return undoing;
  }

  private laterIn(stream: string, version: number): Dependent[] {
    const found: Dependent[] = [];
    const rows = this.db.all<Dependent>(
      sql`SELECT position, type, stream, correlation_id FROM audit
          WHERE stream = ${stream} AND stream_version > ${version} AND correlation_id <> ${this.operation}
          ORDER BY stream_version LIMIT ${MAX_EVENTS}`,
    );
    for (const row of rows) {
      if (this.counts(row.correlation_id)) found.push(row);
      if (found.length === NAMED) break;
    }
    return found;
  }

  private derivedFrom(own: Recorded[], derived: DependsOn): Dependent[] {
    return derived(this.db, own)
      .map((position) => this.othersAt(position))
      .filter((dependent) => dependent !== undefined)
      .slice(0, NAMED);
  }

  private othersAt(position: number): Dependent | undefined {
    const row = this.db.one<Dependent>(
      sql`SELECT position, type, stream, correlation_id FROM audit WHERE position = ${position}`,
    );
    return row !== undefined && row.correlation_id !== this.operation && this.counts(row.correlation_id)
      ? row
      : undefined;
  }

  /** Whether what was done under an id still holds: not when it was taken back, nor when it only took that back. */
  private counts(correlationId: string): boolean {
    let counts = this.counting.get(correlationId);
    if (counts === undefined) {
      counts =
        this.reversalOf(correlationId).reverted_by === null &&
        !this.log
          .correlated(correlationId, MAX_EVENTS, 'OperationReverted')
          .some(({ data }) => this.reversalOf((data as { operation: string }).operation).reverted_by === correlationId);
      this.counting.set(correlationId, counts);
    }
    return counts;
  }
}

/** How a reversal is taken back: the operation's events were written again by what else the reversal wrote. */
export const reversalUndoes: Undoes<ReversalEvent> = {
  OperationReverted: ({ data: { operation }, correlation_id }) => ({
    take: decideStep(reversal, { type: 'MarkRestored', operation, by: correlation_id }),
    what: `${operation} counts as not taken back`,
  }),
  OperationRestored: ({ data: { operation }, correlation_id }) => ({
    take: decideStep(reversal, { type: 'MarkReverted', operation, by: correlation_id }),
    what: `${operation} counts as taken back again`,
  }),
};

function refusal({ operation, refused }: Revert): DomainError {
  const errors = refused.slice(0, NAMED).map(({ stream, position, what, because }) => ({
    field: `${stream}@${position}`,
    detail: because.length === 0 ? what : `${what}: ${because.map(named).join(', ')}`,
  }));
  return new DomainError(
    'conflict',
    'revert-refused',
    `${operation} cannot be taken back: ${refused.length} of its events stand in the way. ${errors[0]!.field}: ${errors[0]!.detail}`,
    { errors, hint: 'Take back what was written since first; dry_run tells all of it.' },
  );
}

const named = ({ type, position, correlation_id }: Dependent): string => `${type} at ${position} (${correlation_id})`;
