import { notFound, streamName, type Decider } from '#kernel';
import type { QuarantineEvent, QuarantineImposed } from './quarantine.events.js';

export type QuarantineCommand =
  ({ type: 'ImposeQuarantine' } & QuarantineImposed['data']) | { type: 'LiftQuarantine'; quarantine_id: string };

export interface QuarantineState {
  status: 'none' | 'imposed' | 'lifted';
}

/** Imposed once, lifted once: who wants it again imposes another one. */
export const quarantine: Decider<QuarantineCommand, QuarantineEvent, QuarantineState> = {
  name: 'quarantine',
  initial: { status: 'none' },
  stream: ({ quarantine_id }) => streamName('quarantine', quarantine_id),

  decide(command, { status }) {
    if (command.type === 'ImposeQuarantine') {
      const { type: _, ...data } = command;
      const { session_id } = data.source;
      return status === 'none' ? [{ type: 'QuarantineImposed', data, about: { session_id } }] : [];
    }
    const { quarantine_id } = command;
    if (status === 'none') throw notFound('quarantine', quarantine_id);
    return status === 'imposed' ? [{ type: 'QuarantineLifted', data: { quarantine_id } }] : [];
  },

  evolve: (_, { type }) => ({ status: type === 'QuarantineImposed' ? 'imposed' : 'lifted' }),
};
