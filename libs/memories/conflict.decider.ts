import { conflict as conflictError, notFound, streamName, type Decider } from '#kernel';
import type { ConflictDetected, ConflictEvent, ConflictResolved } from './conflict.events.js';

export type ConflictCommand =
  | ({ type: 'ReportConflict' } & ConflictDetected['data'])
  | ({ type: 'ResolveConflict' } & ConflictResolved['data'])
  | { type: 'ReopenConflict'; conflict_id: string };

export interface ConflictState {
  /** `outdated` is open again when it is found again: a member has become what it was. */
  status: 'unknown' | 'open' | 'resolved' | 'outdated';
}

export const conflict: Decider<ConflictCommand, ConflictEvent, ConflictState> = {
  name: 'conflict',
  initial: { status: 'unknown' },
  stream: ({ conflict_id }) => streamName('conflict', conflict_id),

  decide({ type, ...data }, { status }) {
    const { conflict_id } = data;
    if (type === 'ReportConflict') {
      if (status === 'unknown') return [{ type: 'ConflictDetected', data: data as ConflictDetected['data'] }];
      return status === 'outdated' ? [{ type: 'ConflictReopened', data: { conflict_id } }] : [];
    }
    if (status === 'unknown') throw notFound('conflict', conflict_id);
    if (type === 'ReopenConflict')
      return status === 'open' ? [] : [{ type: 'ConflictReopened', data: { conflict_id } }];
    if (status !== 'open')
      throw conflictError('conflict-resolved', `Conflict ${conflict_id} is resolved.`, 'GET it to see how.');
    return [{ type: 'ConflictResolved', data: data as ConflictResolved['data'] }];
  },

  evolve(_, event) {
    if (event.type !== 'ConflictResolved') return { status: 'open' };
    return { status: event.data.strategy === 'outdated' ? 'outdated' : 'resolved' };
  },
};
