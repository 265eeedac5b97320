import { createHash } from 'node:crypto';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { decideStep, SqliteAuditLog, type Decision, type Written } from '#audit-log';
import { invalid, notFound, type Caller } from '#kernel';
import { feedback } from './feedback.decider.js';
import type { FeedbackSignal } from './feedback.events.js';
import { SearchIds } from './search-ids.js';

export class GiveFeedback {
  constructor(
    readonly by: Caller,
    readonly input: { search_id: string; result_id: number; signal: FeedbackSignal },
  ) {}
}

@CommandHandler(GiveFeedback)
export class GiveFeedbackHandler implements ICommandHandler<GiveFeedback> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly ids: SearchIds,
  ) {}

  async execute({ by, input: { search_id, result_id, signal } }: GiveFeedback): Promise<Written<null>> {
    const search = this.ids.read(search_id, Date.parse(by.time));
    if (search === undefined) throw notFound('search', search_id.slice(0, 100));
    const rank = search.ids.indexOf(result_id) + 1;
    if (rank === 0) throw invalid('result_id', `is ${result_id}, which that search did not answer with`);
    const { source, mode, time } = search;
    const step = decideStep(feedback, {
      type: 'GiveFeedback',
      search: createHash('sha256').update(search_id).digest('base64url').slice(0, 22),
      source,
      mode,
      searched_at: new Date(time).toISOString(),
      result_id,
      rank,
      signal,
    });
    const { results, replayed } = await this.log.execute({ caller: by, steps: [step] });
    const { version, position } = results[0] as Decision;
    return { value: null, version, position, repeated: replayed };
  }
}

export const feedbackCommandHandlers = [GiveFeedbackHandler];
