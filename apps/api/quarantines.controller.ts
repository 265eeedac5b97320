import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ListTaintedContexts, type TaintedContext } from '#assembly/module';
import type { Written } from '#audit-log';
import type { Caller, Page } from '#kernel';
import type { Quarantine } from '#memories';
import { GetQuarantine, ImposeQuarantine, LiftQuarantine, ListQuarantines } from '#memories/module';
import { By } from './http/caller.js';
import { PageQuery } from './http/page.dto.js';
import { answerWrite } from './http/written.js';
import {
  ListQuarantinesQuery,
  QuarantineBody,
  QuarantinePage,
  QuarantineView,
  TaintedContextPage,
} from './quarantines.dto.js';

@ApiTags('Admin')
@Controller('v1/admin/quarantines')
export class QuarantinesController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  /**
   * Keeps whatever came from a source, and what was made of it, out of reads, lists, searches and contexts, at once; also
   * what comes from there while it stands.
   */
  @Post()
  async impose(
    @By() by: Caller,
    @Body() body: QuarantineBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<QuarantineView> {
    const written: Written<Quarantine> = await this.commands.execute(new ImposeQuarantine(by, body));
    return answerWrite(reply, written, 201);
  }

  /** Quarantines, the newest first. */
  @Get()
  list(@By() by: Caller, @Query() { limit, cursor, standing }: ListQuarantinesQuery): Promise<QuarantinePage> {
    return this.queries.execute(new ListQuarantines(by, { limit, cursor, standing }));
  }

  /** One quarantine: where from, why, and how much is in it. */
  @Get(':id')
  get(@By() by: Caller, @Param('id') id: string): Promise<QuarantineView> {
    return this.queries.execute(new GetQuarantine(by, id));
  }

  /** Recorded contexts that were given what is in a quarantine, the newest first. */
  @Get(':id/contexts')
  async contexts(
    @By() by: Caller,
    @Param('id') id: string,
    @Query() { limit, cursor }: PageQuery,
  ): Promise<TaintedContextPage> {
    const page: Page<TaintedContext> = await this.queries.execute(new ListTaintedContexts(by, { id, limit, cursor }));
    return page;
  }

  /** Lets everything in again that no other quarantine holds. */
  @Delete(':id')
  @HttpCode(204)
  async lift(
    @By() by: Caller,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const written: Written<null> = await this.commands.execute(new LiftQuarantine(by, id));
    answerWrite(reply, written, 204);
  }
}
