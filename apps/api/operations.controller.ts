import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { notFound } from '#kernel';
import { Operations } from '#operations';
import { ListOperationsQuery, OperationBody, OperationPage } from './operations.dto.js';

@ApiTags('Operations')
@Controller('v1/operations')
export class OperationsController {
  constructor(private readonly operations: Operations) {}

  /** Work that outlasts its request, newest first, whichever process does it. */
  @Get()
  async list(@Query() query: ListOperationsQuery): Promise<OperationPage> {
    return this.operations.page(query);
  }

  /** How a piece of work stands. Its events are those with its id as their correlation id. */
  @Get(':id')
  async get(@Param('id') id: string): Promise<OperationBody> {
    const operation = this.operations.get(id);
    if (operation === undefined) throw notFound('operation', id.slice(0, 100));
    return operation;
  }
}
