import { Controller, Get, HttpCode, Inject, Post, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { lastIntegrityReport, startIntegrityCheck, type House } from '#assembly';
import type { Caller } from '#kernel';
import { HOUSE } from './health.controller.js';
import { By } from './http/caller.js';
import { IntegrityBody } from './integrity.dto.js';
import { OperationBody } from './operations.dto.js';

@ApiTags('Admin')
@Controller('v1/admin/integrity')
export class IntegrityController {
  constructor(@Inject(HOUSE) private readonly house: House) {}

  /** Begins all checks of the database; the operation's result is the report. One at a time: else 409. */
  @Post()
  @HttpCode(202)
  async start(@By() by: Caller, @Res({ passthrough: true }) reply: FastifyReply): Promise<OperationBody> {
    const operation = await startIntegrityCheck(this.house, by);
    reply.header('location', `/v1/operations/${operation.id}`);
    return operation;
  }

  /** What the last check found. */
  @Get()
  async last(): Promise<IntegrityBody> {
    return { running: this.house.integrity.running, last: lastIntegrityReport(this.house.reads) };
  }
}
