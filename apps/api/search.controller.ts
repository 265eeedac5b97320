import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { projectionStatus } from '#projections';
import { Meaning, searchStatus } from '#search';
import { ReadSide } from '#storage';
import { SearchStatusBody } from './search.dto.js';

@ApiTags('Search')
@Controller('v1/search')
export class SearchController {
  constructor(
    private readonly reads: ReadSide,
    private readonly meaning: Meaning,
  ) {}

  /** How far texts have their vectors. */
  @Get('status')
  async status(): Promise<SearchStatusBody> {
    const { model, dimensions } = this.meaning.embedder;
    const active = this.meaning.active();
    const { texts, vectors, backlog, parked } = await this.reads.scan(searchStatus, { name: model, dimensions });
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
      parked,
    };
  }
}
