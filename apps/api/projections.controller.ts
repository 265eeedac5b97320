import { Body, Controller, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Rebuilds } from '#assembly';
import type { Caller } from '#kernel';
import { By } from './http/caller.js';
import { OperationBody } from './operations.dto.js';
import { ParkedEventBody, ProjectionBody, RebuildBody, RetryResult } from './projections.dto.js';

@ApiTags('Admin')
@Controller('v1/admin/projections')
export class ProjectionsController {
  constructor(private readonly rebuilds: Rebuilds) {}

  /** Every projection: how far it is, and how it stands. */
  @Get()
  async list(): Promise<ProjectionBody[]> {
    return this.rebuilds.list();
  }

  /**
   * Rebuilds one projection, or `all`, from the log beside the living one, compares row for row, and exchanges what
   * differs. Reads and writes go on.
   */
  @Post(':name/rebuild')
  @HttpCode(202)
  @ApiBody({ type: RebuildBody, required: false })
  async rebuild(
    @By() by: Caller,
    @Param('name') name: string,
    @Body() body: RebuildBody | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationBody> {
    const operation = await this.rebuilds.start(name, body?.dry_run ?? false, by);
    reply.header('location', `/v1/operations/${operation.id}`);
    return operation;
  }

  /** Events that a projection could not digest and left aside, the first thousand. */
  @Get(':name/parked')
  parked(@Param('name') name: string): ParkedEventBody[] {
    return this.rebuilds.parked(name);
  }

  /** Tries them again, in their order. */
  @Post(':name/retry')
  @HttpCode(200)
  async retry(@By() by: Caller, @Param('name') name: string): Promise<RetryResult> {
    return this.rebuilds.retry(name, by);
  }
}
