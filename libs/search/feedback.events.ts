import type { DomainEvent, EventCatalog } from '#kernel';
import type { SearchMode } from './search.js';

export const FEEDBACK_SIGNALS = ['click', 'helpful', 'not_helpful'] as const;
export type FeedbackSignal = (typeof FEEDBACK_SIGNALS)[number];

export type SearchFeedbackGiven = DomainEvent<
  'SearchFeedbackGiven',
  {
    source: 'memory' | 'document';
    /** When the search was answered, ISO-8601 UTC, and how. */
    searched_at: string;
    mode: SearchMode;
    result_id: number;
    /** Place of the result in the answer: 1, 2, 3 … */
    rank: number;
    signal: FeedbackSignal;
  }
>;

export const feedbackCatalog: Record<SearchFeedbackGiven['type'], EventCatalog[string]> = {
  SearchFeedbackGiven: { version: 1 },
};
