import { streamName, type Decider } from '#kernel';
import type { FeedbackSignal, SearchFeedbackGiven } from './feedback.events.js';

export type FeedbackCommand = {
  type: 'GiveFeedback';
  /** Short name of the search: a digest of its id. */
  search: string;
} & SearchFeedbackGiven['data'];

export interface FeedbackState {
  /** What has been said of this search. */
  given: { result_id: number; signal: FeedbackSignal }[];
}

export const feedback: Decider<FeedbackCommand, SearchFeedbackGiven, FeedbackState> = {
  name: 'feedback',
  initial: { given: [] },
  stream: ({ search }) => streamName('search', search),

  decide({ type: _, search: __, ...data }, { given }) {
    const known = given.some(({ result_id, signal }) => result_id === data.result_id && signal === data.signal);
    return known ? [] : [{ type: 'SearchFeedbackGiven', data }];
  },

  evolve: ({ given }, { data: { result_id, signal } }) => ({ given: [...given, { result_id, signal }] }),
};
