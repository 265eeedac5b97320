import { expect } from '@jest/globals';
import {
  DomainError,
  type Decider,
  type DecisionContext,
  type DomainEvent,
  type Recorded,
  type RecordedOf,
} from '#kernel';

/** The moment at which everything in a decider spec happens. */
export const NOW = '2026-01-02T03:04:05.678Z';

/** given(events).when(command).then(events): a decider without a database. */
export function specify<C extends { type: string }, E extends DomainEvent, S>(decider: Decider<C, E, S>) {
  const fold = (events: E[]): S =>
    events.reduce(
      (state, event, index) => decider.evolve(state, recorded(event, index + 1) as RecordedOf<E>),
      decider.initial,
    );

  return {
    given: (...events: E[]) => ({
      when: (command: C, context: Partial<DecisionContext> = {}) => {
        const decide = (): E[] =>
          decider.decide(command, fold(events), {
            time: NOW,
            actor: 'tester',
            version: events.length,
            seen: new Set(),
            ...context,
          });
        return {
          then: (...expected: object[]): void => expect(decide()).toMatchObject(expected),
          thenNothing: (): void => expect(decide()).toEqual([]),
          thenFails: (kind: string, code: string): void => {
            const error = failure(decide);
            expect({ kind: error.kind, code: error.code }).toEqual({ kind, code });
          },
          /** The same command again, on what the first one led to. */
          again: (): E[] => {
            const first = decide();
            return decider.decide(command, fold([...events, ...first]), {
              time: NOW,
              actor: 'tester',
              version: events.length + first.length,
              seen: new Set(decider.eventIds?.(command).filter((id) => id !== undefined)),
              ...context,
            });
          },
        };
      },
    }),
  };
}

/** An event as the log would record it. */
export const recorded = (event: DomainEvent, position: number): Recorded => ({
  position,
  event_id: event.id ?? `pos-${position}`,
  stream: 'test:stream',
  version: position,
  type: event.type,
  data: event.data,
  time: NOW,
  actor: event.actor ?? 'tester',
  correlation_id: 'test',
});

function failure(work: () => unknown): DomainError {
  try {
    work();
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('Expected the command to be refused');
}
