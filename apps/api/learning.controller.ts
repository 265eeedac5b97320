import { Body, Controller, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Written } from '#audit-log';
import {
  GetProcedureOutcomes,
  RefineProcedure,
  RollBackProcedure,
  type ProcedureReport,
  type Rollback,
} from '#assembly/module';
import { memoryKey, namespace, type Caller } from '#kernel';
import type { Memory } from '#memories';
import { By } from './http/caller.js';
import { answerWrite } from './http/written.js';
import { ProcedureOutcomesBody, RefineProcedureBody, RollbackBody, RollBackProcedureBody } from './learning.dto.js';
import { MemoryBody } from './memories.dto.js';

/** What tasks come to changes how things are done. */
@ApiTags('Learning')
@Controller('v1/memories')
export class LearningController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  /** How tasks ended that went by each version of a procedure. */
  @Get(':namespace/:key/outcomes')
  async outcomes(
    @By() by: Caller,
    @Param('namespace') ns: string,
    @Param('key') key: string,
  ): Promise<ProcedureOutcomesBody> {
    const report: ProcedureReport = await this.queries.execute(new GetProcedureOutcomes(by, address(ns, key)));
    return report;
  }

  /** A new version of a procedure, with the episodes that led to it. */
  @Post(':namespace/:key/refine')
  @HttpCode(200)
  async refine(
    @By() by: Caller,
    @Param('namespace') ns: string,
    @Param('key') key: string,
    @Body() body: RefineProcedureBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MemoryBody> {
    const episodes = body.episodes.map((episode, index) => ({
      ...episode,
      namespace: namespace(episode.namespace, `episodes[${index}].namespace`),
      key: memoryKey(episode.key, `episodes[${index}].key`),
    }));
    const written: Written<Memory> = await this.commands.execute(
      new RefineProcedure(by, address(ns, key), { ...body, episodes }),
    );
    return answerWrite(reply, written);
  }

  /** Goes back to the version that did best, if the current one did worse; says why, or why not. */
  @Post(':namespace/:key/rollback')
  @HttpCode(200)
  @ApiBody({ type: RollBackProcedureBody, required: false })
  async rollBack(
    @By() by: Caller,
    @Param('namespace') ns: string,
    @Param('key') key: string,
    @Body() body: RollBackProcedureBody | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RollbackBody> {
    const { dry_run = false, min_outcomes = 3 } = body ?? {};
    const written: Written<Rollback> = await this.commands.execute(
      new RollBackProcedure(by, address(ns, key), { dry_run, min_outcomes }),
    );
    return answerWrite(reply, written);
  }
}

const address = (ns: string, key: string): { namespace: string; key: string } => ({
  namespace: namespace(ns),
  key: memoryKey(key),
});
