import { Controller, Get, Query } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import { namespacePrefix, type Caller, type Page } from '#kernel';
import type { NamespaceCount } from '#memories';
import { ListNamespaces } from '#memories/module';
import { By } from './http/caller.js';
import { ListNamespacesQuery, NamespacePage } from './namespaces.dto.js';

@ApiTags('Memories')
@Controller('v1/namespaces')
export class NamespacesController {
  constructor(private readonly queries: QueryBus) {}

  /** Namespaces that hold memories, with how many. */
  @Get()
  async list(@By() by: Caller, @Query() query: ListNamespacesQuery): Promise<NamespacePage> {
    const { prefix, suffix } = query;
    if (prefix !== undefined) namespacePrefix(prefix, 'prefix');
    if (suffix !== undefined) namespacePrefix(suffix, 'suffix');
    const page: Page<NamespaceCount> = await this.queries.execute(new ListNamespaces(by, query));
    return page;
  }
}
