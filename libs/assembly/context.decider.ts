import { streamName, type Decider } from '#kernel';
import type { ContextSynthesized } from './context.events.js';

export type ContextCommand = { type: 'RecordContext' } & ContextSynthesized['data'];

export interface ContextState {
  recorded: boolean;
}

export const contextStream = (contextId: string): string => streamName('context', contextId);

/** The context whose stream this is. */
export const contextOf = (stream: string): string => decodeURIComponent(stream.slice(stream.indexOf(':') + 1));

/** A context is recorded once and never changes. */
export const context: Decider<ContextCommand, ContextSynthesized, ContextState> = {
  name: 'context',
  initial: { recorded: false },
  stream: ({ context_id }) => contextStream(context_id),

  decide({ type: _, ...data }, { recorded }) {
    if (recorded) return [];
    const { session_id, task_id } = data;
    return [{ type: 'ContextSynthesized', data, about: { session_id, task_id } }];
  },

  evolve: () => ({ recorded: true }),
};
