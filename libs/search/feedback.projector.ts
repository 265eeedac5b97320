import { projector } from '#projections';
import { sql } from '#storage';
import type { SearchFeedbackGiven } from './feedback.events.js';

/** Table `search_feedback`: how often each signal was given, and how far up the results stood. */
export const feedbackProjector = projector<SearchFeedbackGiven>('search-feedback', {
  mode: 'catch-up',
  poison: 'park',
  tables: ['search_feedback'],
  on: {
    SearchFeedbackGiven: ({ data: { source, mode, signal, rank } }) => [
      sql`INSERT INTO search_feedback (source, mode, signal, count, reciprocal_rank)
          VALUES (${source}, ${mode}, ${signal}, 1, ${1 / rank})
          ON CONFLICT (source, mode, signal)
          DO UPDATE SET count = count + 1, reciprocal_rank = reciprocal_rank + excluded.reciprocal_rank`,
    ],
  },
});
