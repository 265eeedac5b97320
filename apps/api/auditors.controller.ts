import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { DiffLog, RevertOperation, WhyMemory, type DiffPage, type RevertResult } from '#assembly/module';
import type { Why, Written } from '#audit-log';
import { invalid, memoryKey, namespace, namespacePrefix, type Caller } from '#kernel';
import { DiffBody, DiffQuery, RevertBody, RevertResultBody, WhyBody } from './auditors.dto.js';
import { By } from './http/caller.js';
import { answerWrite } from './http/written.js';

@ApiTags('Audit')
@Controller('v1')
export class AuditorsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  /** What became different between two positions: memories, and the state and status of sessions. */
  @Get('diff')
  async diff(@By() by: Caller, @Query() query: DiffQuery): Promise<DiffBody> {
    const { namespace_prefix } = query;
    if (namespace_prefix !== undefined) namespacePrefix(namespace_prefix);
    const page: DiffPage = await this.queries.execute(new DiffLog(by, query));
    return page;
  }

  /** Where a memory comes from and what became of it: events, sessions, tasks and operations, both ways. */
  @Get('memories/:namespace/:key/why')
  async why(@By() by: Caller, @Param('namespace') ns: string, @Param('key') key: string): Promise<WhyBody> {
    const why: Why = await this.queries.execute(new WhyMemory(by, { namespace: namespace(ns), key: memoryKey(key) }));
    return why;
  }

  /**
   * Takes back everything that was written under a correlation id, all or nothing, as new events. What later writes
   * depend on is refused with 409, which names them; the second time there is nothing to do.
   */
  @Post('operations/:correlation_id/revert')
  @HttpCode(200)
  @ApiBody({ type: RevertBody, required: false })
  async revert(
    @By() by: Caller,
    @Param('correlation_id') operation: string,
    @Body() body: RevertBody | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RevertResultBody> {
    if (by.if_match !== undefined) throw invalid('If-Match', 'is about one version, but this takes back many');
    const written: Written<RevertResult> = await this.commands.execute(
      new RevertOperation(by, operation, body?.dry_run === true),
    );
    return answerWrite(reply, written);
  }
}
