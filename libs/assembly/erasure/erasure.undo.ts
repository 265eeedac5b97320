import type { Undoes } from '#audit-log';
import type { ErasureEvent } from './erasure.events.js';

export const erasureUndoes: Undoes<ErasureEvent> = {
  SubjectErased: () => ({ keep: 'what was erased is gone' }),
  ErasureCompleted: () => ({ keep: 'what was erased is gone' }),
};
