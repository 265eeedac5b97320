import { notFound, streamName, type Decider } from '#kernel';
import type { ErasureCompleted, ErasureEvent, SubjectErased } from './erasure.events.js';

export type ErasureCommand =
  ({ type: 'EraseSubject' } & SubjectErased['data']) | ({ type: 'CompleteErasure' } & ErasureCompleted['data']);

export interface ErasureState {
  status: 'none' | 'ordered' | 'completed';
}

/** An erasure is ordered once, and completed once. */
export const erasure: Decider<ErasureCommand, ErasureEvent, ErasureState> = {
  name: 'erasure',
  initial: { status: 'none' },
  stream: ({ erasure_id }) => streamName('erasure', erasure_id),

  decide({ type, ...data }, { status }) {
    if (type === 'EraseSubject') {
      return status === 'none' ? [{ type: 'SubjectErased', data: data as SubjectErased['data'] }] : [];
    }
    if (status === 'none') throw notFound('erasure', data.erasure_id);
    return status === 'ordered' ? [{ type: 'ErasureCompleted', data: data as ErasureCompleted['data'] }] : [];
  },

  evolve: (_, { type }) => ({ status: type === 'SubjectErased' ? 'ordered' : 'completed' }),
};
