import type { Undoes } from '#audit-log';
import type { SearchFeedbackGiven } from './feedback.events.js';

export const feedbackUndoes: Undoes<SearchFeedbackGiven> = {
  SearchFeedbackGiven: () => ({ keep: 'what somebody thought of a search stays what they thought' }),
};
