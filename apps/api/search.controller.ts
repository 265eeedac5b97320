import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { SqliteAuditLog } from '#audit-log';
import { projectionStatus } from '#projections';
import { Meaning, searchStatus, type EmbeddingModel } from '#search';
import { ReadSide } from '#storage';
import { RetriedBody, SearchStatusBody } from './search.dto.js';

@ApiTags('Search')
@Controller('v1/search')
export class SearchController {
  constructor(
    private readonly reads: ReadSide,
    private readonly meaning: Meaning,
    private readonly log: SqliteAuditLog,
  ) {}

  /** How far texts have their vectors. */
  @Get('status')
  async status(): Promise<SearchStatusBody> {
    const { model, dimensions } = this.meaning.embedder;
    const active = this.meaning.active();
    const { texts, vectors, backlog, parked, parked_count } = await this.reads.scan(searchStatus, {
      name: model,
      dimensions,
    });
    const lag = this.reads.point(projectionStatus, null).find(({ name }) => name === 'search')?.lag ?? 0;
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
  async retry(): Promise<RetriedBody> {
    const { model: name, dimensions } = this.meaning.embedder;
    const model = await this.log.chore<EmbeddingModel>('register-model', { name, dimensions });
    return { retried: await this.log.chore<number>('retry-parked', model) };
  }
}
