import type { Undoes } from '#audit-log';
import type { ContextSynthesized } from './context.events.js';

export const contextUndoes: Undoes<ContextSynthesized> = {
  ContextSynthesized: () => ({ keep: 'what an agent was given stays what it was given' }),
};
