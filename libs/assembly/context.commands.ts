import { hash, randomUUID } from 'node:crypto';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { decideStep, isoTime, resolveAsOf, SqliteAuditLog, wasAnswered, type Decision } from '#audit-log';
import type { Caller } from '#kernel';
import { MEMORY_WORDS, memorySearch } from '#memories';
import { Meaning, type Halves } from '#search';
import { sessionState } from '#sessions';
import { ReadSide } from '#storage';
import { taskAt } from '#work';
import type { Context, ContextInput } from './context.answer.js';
import { context, contextOf, type ContextCommand } from './context.decider.js';
import { contextSearch } from './context.memories.js';
import { PROMPT_FORMAT } from './context.prompt.js';
import { contextNow } from './context.reads.js';
import { recordedContext } from './context.recorded.js';

export interface SynthesisInput {
  session_id: string;
  task_id?: string;
  query?: string;
  token_budget: number;
  /** A time or a position. */
  as_of?: string;
  /** Whether to remember what was given. */
  record: boolean;
}

/** Longest text that is looked for, in characters. */
const LONGEST_QUERY = 10_000;

/** What an agent should know for its next turn. */
export class SynthesizeContext {
  constructor(
    readonly by: Caller,
    readonly input: SynthesisInput,
  ) {}
}

export interface SynthesizedContext {
  /** Under which it can be asked for again; `null` when it was not recorded. */
  id: string | null;
  context: Context;
  /** Where the record stands in the log. */
  recorded_at: number | null;
}

@CommandHandler(SynthesizeContext)
export class SynthesizeContextHandler implements ICommandHandler<SynthesizeContext> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
    private readonly meaning: Meaning,
  ) {}

  async execute({ by, input: asked }: SynthesizeContext): Promise<SynthesizedContext> {
    const input = this.withQuery(asked);
    if (!input.record) return { id: null, context: await this.synthesize(by, input), recorded_at: null };
    if (this.reads.point(wasAnswered, by.idempotency?.key)) return this.answerAgain(by);
    const read = await this.synthesize(by, input);
    const step = decideStep(context, record(input, read));
    const { results, replayed } = await this.log.execute({ caller: by, steps: [step] });
    const { stream, position } = results[0] as Decision;
    // The same request was under way twice: what the first one was given counts for both.
    if (replayed) return this.recorded(stream, position);
    return { id: contextOf(stream), context: read, recorded_at: position };
  }

  private async answerAgain(by: Caller): Promise<SynthesizedContext> {
    const { results } = await this.log.execute({ caller: by, steps: [] });
    const { stream, position } = results[0] as Decision;
    return this.recorded(stream, position);
  }

  private async recorded(stream: string, position: number): Promise<SynthesizedContext> {
    const id = contextOf(stream);
    return { id, context: (await this.reads.scan(recordedContext, id)).context, recorded_at: position };
  }

  private async synthesize(by: Caller, asked: SynthesisInput): Promise<Context> {
    const { session_id, task_id, query, token_budget } = asked;
    const meaning = query === undefined ? undefined : await this.meaning.of(query, MEMORY_WORDS);
    const as_of = resolveAsOf(this.reads, asked.as_of, by.time);
    const moment = momentOf(asked.as_of, by.time);
    const input = { session_id, task_id, query, meaning, token_budget, as_of, moment };
    return this.reads.scan(contextNow, { ...input, halves: await this.halves(input) });
  }

  /**
   * Which memories answer is found on two readers at once, a moment before the context is read: what one of them has become
   * since, or that it has gone, the context itself sees.
   */
  private async halves({ session_id, query, meaning, as_of, moment }: ContextInput): Promise<Halves | undefined> {
    if (query === undefined || moment === undefined) return undefined;
    const session = this.reads.point(sessionState, { session_id, as_of });
    const search = contextSearch(session, { query, meaning, as_of, moment });
    return search && memorySearch.halves(this.reads, search);
  }

  /** Who says what task it is for, but not what to look for, looks for what the task says. */
  private withQuery(input: SynthesisInput): SynthesisInput {
    const { task_id, query } = input;
    if (query !== undefined || task_id === undefined) return input;
    const { prompt } = this.reads.point(taskAt, { task_id });
    return { ...input, query: prompt.slice(0, LONGEST_QUERY).toWellFormed() };
  }
}

/** A position says its own time. */
function momentOf(asOf: string | undefined, now: string): string | undefined {
  if (asOf === undefined) return now;
  return /^\d{1,16}$/.test(asOf) ? undefined : isoTime(asOf, 'as_of');
}

const record = (input: SynthesisInput, read: Context): ContextCommand => ({
  type: 'RecordContext',
  context_id: randomUUID(),
  session_id: input.session_id,
  task_id: input.task_id ?? null,
  query: input.query ?? null,
  token_budget: input.token_budget,
  as_of: input.as_of === undefined ? null : read.position,
  position: read.position,
  moment: read.moment,
  degraded: read.degraded,
  format: PROMPT_FORMAT,
  items: read.lines.map(({ item }) => item),
  omitted: read.omitted,
  token_count: read.token_count,
  prompt_sha256: sha256(read.prompt),
});

export const sha256 = (text: string): string => hash('sha256', text);

export const contextCommandHandlers = [SynthesizeContextHandler];
