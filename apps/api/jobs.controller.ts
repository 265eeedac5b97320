import { Body, Controller, Get, HttpCode, Param, Post, Put, Res } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Jobs } from '#jobs';
import { invalid, type Caller } from '#kernel';
import { By } from './http/caller.js';
import { answerWrite } from './http/written.js';
import { ConfigureJobBody, JobBody, RunJobBody } from './jobs.dto.js';
import { OperationBody } from './operations.dto.js';

@ApiTags('Admin')
@Controller('v1/admin/jobs')
export class JobsController {
  constructor(private readonly jobs: Jobs) {}

  /** What is done again and again: when, and how it went last. */
  @Get()
  async list(): Promise<JobBody[]> {
    return this.jobs.list();
  }

  /** Gives a job another schedule, or switches it on or off. */
  @Put(':name')
  async configure(
    @By() by: Caller,
    @Param('name') name: string,
    @Body() body: ConfigureJobBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobBody> {
    if (body.schedule === undefined && body.enabled === undefined)
      throw invalid('body', 'says neither schedule nor enabled');
    return answerWrite(reply, await this.jobs.configure(by, name, body));
  }

  /** Runs a job now, whatever its schedule says; refused while it runs. */
  @Post(':name/run')
  @HttpCode(202)
  @ApiBody({ type: RunJobBody, required: false })
  async run(
    @By() by: Caller,
    @Param('name') name: string,
    @Body() body: RunJobBody | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationBody> {
    const operation = await this.jobs.start(name, { dry_run: body?.dry_run === true, by });
    reply.header('location', `/v1/operations/${operation.id}`);
    return operation;
  }
}
