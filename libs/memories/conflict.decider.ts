import { conflict as conflictError, notFound, streamName, type Decider } from '#kernel';
import type { ConflictDetected, ConflictEvent, ConflictResolved } from './conflict.events.js';

export type ConflictCommand =
  | ({ type: 'ReportConflict' } & ConflictDetected['data'])
  | ({ type: 'ResolveConflict' } & ConflictResolved['data'])
  | { type: 'ReopenConflict'; conflict_id: string };

export interface ConflictState {
  status: 'unknown' | 'open' | 'resolved';
}

export const conflict: Decider<ConflictCommand, ConflictEvent, ConflictState> = {
  name: 'conflict',
  initial: { status: 'unknown' },
  stream: ({ conflict_id }) => streamName('conflict', conflict_id),

  decide({ type, ...data }, { status }) {
    const { conflict_id } = data;
    if (type === 'ReportConflict') {
      return status === 'unknown' ? [{ type: 'ConflictDetected', data: data as ConflictDetected['data'] }] : [];
    }
    if (status === 'unknown') throw notFound('conflict', conflict_id);
    if (type === 'ReopenConflict')
      return status === 'open' ? [] : [{ type: 'ConflictReopened', data: { conflict_id } }];
    if (status === 'resolved')
      throw conflictError('conflict-resolved', `Conflict ${conflict_id} is resolved.`, 'GET it to see how.');
    return [{ type: 'ConflictResolved', data: data as ConflictResolved['data'] }];
  },

  evolve: (_, { type }) => ({ status: type === 'ConflictResolved' ? 'resolved' : 'open' }),
};
