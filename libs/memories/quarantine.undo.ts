import { decideStep, type Undoes } from '#audit-log';
import { quarantine } from './quarantine.decider.js';
import type { QuarantineEvent } from './quarantine.events.js';

/** Imposing is taken back by lifting. What was lifted by mistake is imposed again, as another one. */
export const quarantineUndoes: Undoes<QuarantineEvent> = {
  QuarantineImposed: ({ data: { quarantine_id } }) => ({
    take: decideStep(quarantine, { type: 'LiftQuarantine', quarantine_id }),
    what: `quarantine ${quarantine_id} is lifted`,
  }),
  QuarantineLifted: () => ({ keep: 'a quarantine is not imposed again by itself' }),
};
