import type { Recorded } from '#kernel';
import type { ConflictEvent, MemoryEvent } from '#memories';
import type { SearchFeedbackGiven } from '#search';

/** Something to count once it is in the log: a counter of the metrics, and under which labels. */
export interface Counted {
  counter: 'eventsAppended' | 'sessionsCreated' | 'memoryOperations' | 'conflicts' | 'feedbackGiven' | 'stateLoads';
  labels: Record<string, string>;
}

export interface CountedTimes extends Counted {
  times: number;
}

/** What a memory was when something happened to it. */
export type MemoryTypeOf = (address: { namespace: string; key: string; version: number }) => string;

/** What happens to memories, as the metrics call it. */
const OPERATIONS = {
  MemoryDeleted: 'delete',
  MemoryExpired: 'expire',
  MemoryRestored: 'undelete',
  MemorySuperseded: 'supersede',
  MemoryArchived: 'archive',
} as const;
export const MEMORY_OPERATIONS = [
  ...(['create', 'update', 'restore', 'publish', 'consolidate'] as const),
  ...Object.values(OPERATIONS),
];

/** What an event counts for. */
export function counted(event: Recorded, typeOf: MemoryTypeOf): Counted[] {
  return [{ counter: 'eventsAppended', labels: { type: event.type } }, ...alsoCounted(event, typeOf)];
}

function alsoCounted({ type, data }: Recorded, typeOf: MemoryTypeOf): Counted[] {
  switch (type) {
    case 'SessionCreated':
      return [{ counter: 'sessionsCreated', labels: {} }];
    case 'MemoryWritten': {
      const { operation, memory_type } = data as unknown as Extract<MemoryEvent, { type: 'MemoryWritten' }>['data'];
      return [{ counter: 'memoryOperations', labels: { operation, memory_type } }];
    }
    case 'MemoryDeleted':
    case 'MemoryExpired':
    case 'MemoryRestored':
    case 'MemorySuperseded':
    case 'MemoryArchived': {
      const ref = data as unknown as Parameters<MemoryTypeOf>[0];
      return [{ counter: 'memoryOperations', labels: { operation: OPERATIONS[type], memory_type: typeOf(ref) } }];
    }
    case 'ConflictDetected':
      return [{ counter: 'conflicts', labels: { outcome: 'detected' } }];
    case 'ConflictResolved': {
      const { strategy } = data as unknown as Extract<ConflictEvent, { type: 'ConflictResolved' }>['data'];
      return [{ counter: 'conflicts', labels: { outcome: strategy } }];
    }
    case 'SearchFeedbackGiven': {
      const { source, mode, signal } = data as unknown as SearchFeedbackGiven['data'];
      return [{ counter: 'feedbackGiven', labels: { source, mode, signal } }];
    }
    default:
      return [];
  }
}

/**
 * Counts what this process writes, in the thread that writes it: only there the events are seen, and only after the commit
 * they have happened.
 */
export class Tally {
  /** Of the transaction that is under way. */
  private open: { position: number; counted: Counted[] }[] = [];
  private kept = new Map<string, CountedTimes>();

  constructor(private readonly typeOf: MemoryTypeOf) {}

  begin(): void {
    this.open = [];
  }

  see(events: Recorded[]): void {
    for (const event of events) this.open.push({ position: event.position, counted: counted(event, this.typeOf) });
  }

  /** What came after this position has been undone. */
  undo(position: number): void {
    this.open = this.open.filter((entry) => entry.position <= position);
  }

  commit(): void {
    for (const entry of this.open) for (const one of entry.counted) this.keep(one);
    this.open = [];
  }

  /** A stream was loaded, and its state was known from before or not; that has happened, whatever becomes of the write. */
  load(known: boolean): void {
    this.keep(known ? HIT : MISS);
  }

  /** What has been kept since it was asked last. */
  take(): CountedTimes[] {
    const taken = [...this.kept.values()];
    if (taken.length > 0) this.kept = new Map();
    return taken;
  }

  private keep(one: Counted): void {
    const key = JSON.stringify(one);
    const known = this.kept.get(key);
    if (known === undefined) this.kept.set(key, { ...one, times: 1 });
    else known.times += 1;
  }
}

const HIT: Counted = { counter: 'stateLoads', labels: { cache: 'states', result: 'hit' } };
const MISS: Counted = { counter: 'stateLoads', labels: { cache: 'states', result: 'miss' } };
