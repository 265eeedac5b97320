import { streamName, type Decider, type DomainEvent, type EventCatalog } from '#kernel';

/** Everything that an operation wrote was taken back, under another correlation id. */
export type OperationReverted = DomainEvent<'OperationReverted', { operation: string; by: string }>;

/** That reversal was taken back itself: what the operation wrote holds again. */
export type OperationRestored = DomainEvent<'OperationRestored', { operation: string; by: string }>;

export type ReversalEvent = OperationReverted | OperationRestored;

export const reversalCatalog: Record<ReversalEvent['type'], EventCatalog[string]> = {
  OperationReverted: { version: 1 },
  OperationRestored: { version: 1 },
};

export type ReversalCommand = {
  type: 'MarkReverted' | 'MarkRestored';
  /** The correlation id under which it was done. */
  operation: string;
  /** The correlation id under which it is taken back. */
  by: string;
};

export interface ReversalState {
  reverted_by: string | null;
}

export const reversalStream = (operation: string): string => streamName('operation', operation);

/** Which operations have been taken back: a small stream for each, so that the second time there is nothing to do. */
export const reversal: Decider<ReversalCommand, ReversalEvent, ReversalState> = {
  name: 'reversal',
  initial: { reverted_by: null },
  stream: ({ operation }) => reversalStream(operation),

  decide({ type, ...data }, { reverted_by }) {
    if (type === 'MarkReverted') return reverted_by === null ? [{ type: 'OperationReverted', data }] : [];
    return reverted_by === null ? [] : [{ type: 'OperationRestored', data }];
  },

  evolve: (_, { type, data }) => ({ reverted_by: type === 'OperationReverted' ? data.by : null }),
};
