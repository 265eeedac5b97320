import { hash, randomUUID } from 'node:crypto';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { decideStep, isoTime, resolveAsOf, SqliteAuditLog, wasAnswered, type Decision } from '#audit-log';
import { notFound, type Caller } from '#kernel';
import { MEMORY_WORDS } from '#memories';
import { Meaning } from '#search';
import { ReadSide } from '#storage';
import { context, contextOf, type ContextCommand } from './context.decider.js';
import { PROMPT_FORMAT } from './context.prompt.js';
import { contextNow, recordedContext, type Context, type ContextInput } from './context.reads.js';

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

  async execute({ by, input }: SynthesizeContext): Promise<SynthesizedContext> {
    // There are no tasks yet.
    if (input.task_id !== undefined) throw notFound('task', input.task_id);
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

  private async synthesize(by: Caller, { as_of, query, record: _, ...asked }: SynthesisInput): Promise<Context> {
    const meaning = query === undefined ? undefined : await this.meaning.of(query, MEMORY_WORDS);
    const input: ContextInput = {
      ...asked,
      query,
      meaning,
      as_of: resolveAsOf(this.reads, as_of, by.time),
      moment: momentOf(as_of, by.time),
    };
    return this.reads.scan(contextNow, input);
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
