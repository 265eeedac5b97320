import { Controller, Get, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { notFound } from '#kernel';
import { Operations } from '#telemetry';
import { OperationBody } from './operations.dto.js';

@ApiTags('Operations')
@Controller('v1/operations')
export class OperationsController {
  constructor(private readonly operations: Operations) {}

  /** How a piece of work stands that this process began; known for as long as the process lives. */
  @Get(':id')
  async get(@Param('id') id: string): Promise<OperationBody> {
    const operation = this.operations.get(id);
    if (operation === undefined) throw notFound('operation', id);
    return operation;
  }
}
