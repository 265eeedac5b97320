import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Context, ContextSummary } from '#assembly';
import {
  GetContext,
  ListContexts,
  SynthesizeContext,
  type GivenContext,
  type SynthesizedContext,
} from '#assembly/module';
import { identifier, invalid, type Caller, type Page } from '#kernel';
import { Metrics } from '#telemetry';
import { ContextBody, ContextPage, GivenContextBody, ListContextsQuery, SynthesizeContextBody } from './context.dto.js';
import { asOfText } from './http/as-of.js';
import { By } from './http/caller.js';
import { answerWrite } from './http/written.js';

@ApiTags('Context')
@Controller('v1/context')
export class ContextController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly metrics: Metrics,
  ) {}

  /** What an agent should know for its next turn, as parts and as a prompt within a token budget. */
  @Post()
  @HttpCode(200)
  async synthesize(
    @By() by: Caller,
    @Body() body: SynthesizeContextBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ContextBody> {
    const begin = performance.now();
    const { session_id, task_id, query, as_of, ...asked } = body;
    if (by.if_match !== undefined) throw invalid('If-Match', 'does not go with a context, which has no version');
    if (query !== undefined && query.trim() === '') throw invalid('query', 'must not be blank');
    const input = {
      ...asked,
      query,
      session_id: identifier(session_id, 'session_id'),
      task_id: task_id === undefined ? undefined : identifier(task_id, 'task_id'),
      as_of: asOfText(as_of),
    };
    const { id, context, recorded_at }: SynthesizedContext = await this.commands.execute(
      new SynthesizeContext(by, input),
    );
    this.metrics.contextDuration.observe((performance.now() - begin) / 1000);
    const value = toBody(id, context);
    if (recorded_at === null) return value;
    return answerWrite(reply, { value, version: 1, position: recorded_at, repeated: false });
  }

  /** Contexts that were given, newest first. */
  @Get()
  async list(@By() by: Caller, @Query() query: ListContextsQuery): Promise<ContextPage> {
    const page: Page<ContextSummary> = await this.queries.execute(new ListContexts(by, query));
    return page;
  }

  /** What was given, and what the same request would be given now. */
  @Get(':id')
  async get(@By() by: Caller, @Param('id') id: string): Promise<GivenContextBody> {
    const given: GivenContext = await this.queries.execute(new GetContext(by, identifier(id, 'id')));
    const { task_id, query, token_budget, as_of, created_by, created_at, prompt_sha256, intact, difference } = given;
    return {
      ...toBody(given.context_id, given.context),
      task_id,
      query,
      token_budget,
      as_of,
      created_by,
      created_at,
      prompt_sha256,
      intact,
      difference,
    };
  }
}

function toBody(id: string | null, { lines: _, session, ...context }: Context): ContextBody {
  const { shared_since: __, ...shown } = session;
  return { id, ...context, session: shown };
}
