import { Body, Controller, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { SqliteAuditLog, type Written } from '#audit-log';
import type { Caller } from '#kernel';
import { Meaning, searchStatus, type EmbeddingModel } from '#search';
import { GiveFeedback } from '#search/module';
import { ReadSide } from '#storage';
import { By } from './http/caller.js';
import { answerWrite } from './http/written.js';
import { FeedbackBody, RetriedBody, SearchStatusBody } from './search.dto.js';

@ApiTags('Search')
@Controller('v1/search')
export class SearchController {
  constructor(
    private readonly reads: ReadSide,
    private readonly meaning: Meaning,
    private readonly log: SqliteAuditLog,
    private readonly commands: CommandBus,
  ) {}

  /** How far texts have their vectors. */
  @Get('status')
  async status(): Promise<SearchStatusBody> {
    const { model, dimensions } = this.meaning.embedder;
    const active = this.meaning.active();
    const { texts, vectors, backlog, lag, parked, parked_count } = await this.reads.scan(searchStatus, {
      name: model,
      dimensions,
    });
    return {
      model,
      dimensions,
      active_model: active?.name ?? null,
      texts,
      vectors,
      backlog,
      lag,
      degraded: texts > 0 && active === undefined,
      parked_count,
      parked,
    };
  }

  /** Tries texts again that the model would not take. */
  @Post('retry')
  @HttpCode(200)
  async retry(@By() by: Caller): Promise<RetriedBody> {
    const { model: name, dimensions } = this.meaning.embedder;
    const model = await this.log.chore<EmbeddingModel>('register-model', { name, dimensions });
    return { retried: await this.log.chore<number>('retry-parked', model, by) };
  }

  /** Says what a result was worth: it was chosen, it helped, it did not help. For a day after the search. */
  @Post(':search_id/feedback')
  @HttpCode(204)
  async feedback(
    @By() by: Caller,
    @Param('search_id') search_id: string,
    @Body() body: FeedbackBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const written: Written<null> = await this.commands.execute(new GiveFeedback(by, { search_id, ...body }));
    answerWrite(reply, written, 204);
  }
}
