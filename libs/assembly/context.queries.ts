import { QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { canonicalJson, DomainError, type Caller, type JsonObject, type Page } from '#kernel';
import { MEMORY_WORDS } from '#memories';
import { Meaning } from '#search';
import { ReadSide } from '#storage';
import type { Context } from './context.answer.js';
import { sha256 } from './context.commands.js';
import type { ContextPart } from './context.events.js';
import { contextNow } from './context.reads.js';
import {
  contextsPage,
  recordedContext,
  taintedContexts,
  type ContextsInput,
  type ContextSummary,
  type RecordedContext,
  type TaintedContext,
} from './context.recorded.js';

export class GetContext {
  constructor(
    readonly by: Caller,
    readonly id: string,
  ) {}
}

export class ListContexts {
  constructor(
    readonly by: Caller,
    readonly input: ContextsInput,
  ) {}
}

/** Recorded contexts that were given what is in a quarantine. */
export class ListTaintedContexts {
  constructor(
    readonly by: Caller,
    readonly input: { id: string; limit: number; cursor?: string },
  ) {}
}

/** A line of a prompt, as data. */
export interface ContextLine {
  part: ContextPart;
  record: JsonObject;
}

/** What the same request would be given now, against what it was given. */
export interface ContextDifference {
  /** Log position of now. */
  position: number;
  added: ContextLine[];
  changed: { part: ContextPart; before: JsonObject; after: JsonObject }[];
  gone: ContextLine[];
}

export interface GivenContext extends RecordedContext {
  /** Whether the prompt is, byte for byte, what was given: its hash was recorded. */
  intact: boolean;
  difference: ContextDifference;
}

@QueryHandler(GetContext)
export class GetContextHandler implements IQueryHandler<GetContext> {
  constructor(
    private readonly reads: ReadSide,
    private readonly meaning: Meaning,
  ) {}

  async execute({ by, id }: GetContext): Promise<GivenContext> {
    const recorded = await this.reads.scan(recordedContext, id);
    const intact = sha256(recorded.context.prompt) === recorded.prompt_sha256;
    const now = await this.now(by, recorded);
    return { ...recorded, intact, difference: difference(recorded.context, now) };
  }

  /** The same request as of now; nothing when its session or task is gone. */
  private async now(by: Caller, asked: RecordedContext): Promise<Pick<Context, 'position' | 'lines'>> {
    const { session_id, task_id, query, token_budget } = asked;
    const meaning = query === null ? undefined : await this.meaning.of(query, MEMORY_WORDS);
    const input = { session_id, task_id: task_id ?? undefined, query: query ?? undefined, token_budget, meaning };
    try {
      return await this.reads.scan(contextNow, { ...input, moment: by.time });
    } catch (error) {
      if (!(error instanceof DomainError) || error.kind !== 'not-found') throw error;
      return { position: asked.context.position, lines: [] };
    }
  }
}

@QueryHandler(ListContexts)
export class ListContextsHandler implements IQueryHandler<ListContexts> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: ListContexts): Promise<Page<ContextSummary>> {
    return this.reads.scan(contextsPage, { ...input, visible: by.visible });
  }
}

@QueryHandler(ListTaintedContexts)
export class ListTaintedContextsHandler implements IQueryHandler<ListTaintedContexts> {
  constructor(private readonly reads: ReadSide) {}

  execute({ input }: ListTaintedContexts): Promise<Page<TaintedContext>> {
    return this.reads.scan(taintedContexts, input);
  }
}

export const contextQueryHandlers = [GetContextHandler, ListContextsHandler, ListTaintedContextsHandler];

function difference(then: Context, now: Pick<Context, 'position' | 'lines'>): ContextDifference {
  const before = new Map(then.lines.map((line) => [subjectOf(line), line]));
  const after = new Map(now.lines.map((line) => [subjectOf(line), line]));
  return {
    position: now.position,
    added: now.lines.filter((line) => !before.has(subjectOf(line))).map(toLine),
    changed: then.lines.flatMap((line) => {
      const other = after.get(subjectOf(line));
      if (other === undefined || canonicalJson(other.record) === canonicalJson(line.record)) return [];
      return [{ part: line.part, before: line.record, after: other.record }];
    }),
    gone: then.lines.filter((line) => !after.has(subjectOf(line))).map(toLine),
  };
}

/** What a line is about: the address of a memory, a state key, the session. */
const subjectOf = ({ part, record: { namespace, key } }: ContextLine): string =>
  canonicalJson([namespace === undefined ? part : 'memory', namespace ?? null, key ?? null]);

const toLine = ({ part, record }: ContextLine): ContextLine => ({ part, record });
