import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { notFound } from '#kernel';
import { Operations, type Operation } from '#operations';
import { ListOperationsQuery, OperationBody, OperationPage } from './operations.dto.js';

@ApiTags('Operations')
@Controller('v1/operations')
export class OperationsController {
  constructor(private readonly operations: Operations) {}

  /** Work that outlasts its request, newest first, whichever process does it. */
  @Get()
  async list(@Query() query: ListOperationsQuery): Promise<OperationPage> {
    const { items, next_cursor } = await this.operations.page(query);
    return { items: items.map(withPace), next_cursor };
  }

  /** How a piece of work stands. Its events are those with its id as their correlation id. */
  @Get(':id')
  async get(@Param('id') id: string): Promise<OperationBody> {
    const operation = this.operations.get(id);
    if (operation === undefined) throw notFound('operation', id.slice(0, 100));
    return withPace(operation);
  }
}

/** How fast a running operation gets on, and how long it may still take. */
function withPace(operation: Operation): OperationBody {
  const { status, started_at, progress } = operation;
  const seconds = (Date.now() - Date.parse(started_at)) / 1000;
  if (status !== 'running' || progress.done === 0 || !(seconds > 0)) return operation;
  const per_second = progress.done / seconds;
  const seconds_left = Math.max(0, progress.total - progress.done) / per_second;
  return { ...operation, progress: { ...progress, per_second: round(per_second), seconds_left: round(seconds_left) } };
}

const round = (value: number): number => Math.round(value * 10) / 10;
