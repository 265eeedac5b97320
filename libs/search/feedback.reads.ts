import { defineRead, sql } from '#storage';
import type { FeedbackSignal } from './feedback.events.js';
import type { SearchMode } from './search.js';

export interface FeedbackTotal {
  source: 'memory' | 'document';
  mode: SearchMode;
  signal: FeedbackSignal;
  count: number;
  /** Sum of 1 / place of the results. */
  reciprocal_rank: number;
}

export const feedbackTotals = defineRead('search.feedback', (db, _: null): FeedbackTotal[] =>
  db.all(sql`SELECT source, mode, signal, count, reciprocal_rank FROM search_feedback ORDER BY id`),
);

/** The key that the ids of searches are signed with. */
export const searchIdKey = defineRead(
  'search.id-key',
  (db, _: null): Buffer => db.one<{ key: Buffer }>(sql`SELECT key FROM signing_keys WHERE purpose = 'search-id'`)!.key,
);
