import { Body, Controller, Get, HttpCode, HttpStatus, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Erasing, ErasurePlan, House } from '#assembly';
import type { Caller } from '#kernel';
import { CertificateBody, EraseBody, ErasingBody, ErasureBody, ErasurePage, ErasurePlanBody } from './erasures.dto.js';
import { HOUSE } from './health.controller.js';
import { By } from './http/caller.js';
import { PageQuery } from './http/page.dto.js';

@ApiTags('Admin')
@Controller('v1/admin/erasures')
export class ErasuresController {
  constructor(@Inject(HOUSE) private readonly house: House) {}

  /**
   * Erases everything about a subject, while everybody goes on: content and salts in the log, rows of every table, words,
   * vectors, answers. The chain still verifies and says what was erased. Of a subject of which nothing is left, answers the
   * erasure that there was.
   */
  @Post()
  @HttpCode(HttpStatus.OK)
  @ApiResponse({ status: 200, description: 'What would go, or what went before.', type: ErasingBody })
  @ApiResponse({ status: 202, description: 'It has begun.', type: ErasingBody })
  async erase(
    @By() by: Caller,
    @Body() { dry_run = false, ...input }: EraseBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ErasingBody> {
    const { erasures } = this.house;
    if (dry_run) return { dry_run, plan: planBody(await erasures.plan(input)), operation: null, erasure: null };
    const { operation, erasure }: Erasing = await erasures.start(by, input);
    if (operation !== null) reply.status(HttpStatus.ACCEPTED).header('location', `/v1/operations/${operation.id}`);
    return { dry_run, plan: null, operation, erasure };
  }

  /** What was erased, the newest first. */
  @Get()
  list(@Query() { limit, cursor }: PageQuery): Promise<ErasurePage> {
    return this.house.erasures.page({ limit, cursor });
  }

  /** What was erased then, when, by whom and why. */
  @Get(':id')
  get(@Param('id') id: string): ErasureBody {
    return this.house.erasures.get(id);
  }

  /** What was done, where and when, with the proofs that the log says so, signed with the key of the log. */
  @Get(':id/certificate')
  certificate(@Param('id') id: string): Promise<CertificateBody> {
    return this.house.erasures.certificate(id);
  }
}

const planBody = ({ subject_ref, entries, counts, shared }: ErasurePlan): ErasurePlanBody => ({
  subject_ref,
  entries,
  counts,
  shared,
});
