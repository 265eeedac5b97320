import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Written } from '#audit-log';
import { assertStorable, invalid, memoryKey, namespace, namespacePrefix, type Caller, type Page } from '#kernel';
import type { Conflict, Memory } from '#memories';
import {
  ArchiveMemories,
  ArchiveMemory,
  ConsolidateMemories,
  GetConflict,
  ListConflicts,
  ResolveConflict,
  SummariseEpisodes,
} from '#memories/module';
import type { Operation } from '#operations';
import { By } from './http/caller.js';
import { answerWrite } from './http/written.js';
import {
  ArchiveMemoriesBody,
  ConflictBody,
  ConflictPage,
  ConsolidateMemoriesBody,
  ListConflictsQuery,
  ResolveConflictBody,
  SummariseEpisodesBody,
} from './consolidation.dto.js';
import { MemoryBody } from './memories.dto.js';
import { OperationBody } from './operations.dto.js';

@ApiTags('Memories')
@Controller('v1/memories')
export class ConsolidationController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  /**
   * Has conflicts looked for and settled: memories that say the same, one key in several namespaces, concurrent writes.
   * What goes into another memory is superseded, not removed. What it writes has the operation's id as correlation id.
   */
  @Post('consolidate')
  @HttpCode(202)
  async consolidate(
    @By() by: Caller,
    @Body() body: ConsolidateMemoriesBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationBody> {
    const namespace_prefix = namespacePrefix(body.namespace_prefix);
    return this.begun(reply, by, new ConsolidateMemories(by, { ...body, namespace_prefix }));
  }

  /** Has old episodes put into summaries, one for each namespace. */
  @Post('summarise')
  @HttpCode(202)
  @ApiBody({ type: SummariseEpisodesBody, required: false })
  async summarise(
    @By() by: Caller,
    @Body() body: SummariseEpisodesBody | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationBody> {
    return this.begun(reply, by, new SummariseEpisodes(by, checked(body ?? new SummariseEpisodesBody())));
  }

  /** Has memories archived that nobody has written for long: they leave lists and searches, and can be restored. */
  @Post('archive')
  @HttpCode(202)
  @ApiBody({ type: ArchiveMemoriesBody, required: false })
  async archiveOld(
    @By() by: Caller,
    @Body() body: ArchiveMemoriesBody | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationBody> {
    return this.begun(reply, by, new ArchiveMemories(by, checked(body ?? new ArchiveMemoriesBody())));
  }

  /** Conflicts by filter, the last found first. */
  @Get('conflicts')
  async conflicts(@By() by: Caller, @Query() query: ListConflictsQuery): Promise<ConflictPage> {
    const page: Page<Conflict> = await this.queries.execute(new ListConflicts(by, checked(query)));
    return page;
  }

  /** A conflict, and how it was resolved. */
  @Get('conflicts/:id')
  async conflict(@By() by: Caller, @Param('id') id: string): Promise<ConflictBody> {
    const conflict: Conflict = await this.queries.execute(new GetConflict(by, id));
    return conflict;
  }

  /** Settles one conflict, or says that it is none. Refused when a member has changed since it was found. */
  @Post('conflicts/:id/resolve')
  @HttpCode(200)
  async resolve(
    @By() by: Caller,
    @Param('id') id: string,
    @Body() body: ResolveConflictBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ConflictBody> {
    refuseIfMatch(by);
    if (body.value !== undefined) assertStorable(body.value, 'value');
    const written: Written<Conflict> = await this.commands.execute(new ResolveConflict(by, { id, ...body }));
    return answerWrite(reply, written);
  }

  /** Archives a memory: it leaves lists and searches, is read as before, and a restore brings it back. */
  @Post(':namespace/:key/archive')
  @HttpCode(200)
  async archive(
    @By() by: Caller,
    @Param('namespace') ns: string,
    @Param('key') key: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MemoryBody> {
    const address = { namespace: namespace(ns), key: memoryKey(key) };
    const written: Written<Memory> = await this.commands.execute(new ArchiveMemory(by, address));
    return answerWrite(reply, written);
  }

  private async begun(reply: FastifyReply, by: Caller, command: object): Promise<OperationBody> {
    refuseIfMatch(by);
    const operation: Operation = await this.commands.execute(command);
    reply.header('location', `/v1/operations/${operation.id}`);
    return operation;
  }
}

function checked<T extends { namespace_prefix?: string }>(input: T): T {
  const { namespace_prefix } = input;
  return { ...input, namespace_prefix: namespace_prefix === undefined ? undefined : namespacePrefix(namespace_prefix) };
}

function refuseIfMatch({ if_match }: Caller): void {
  if (if_match !== undefined)
    throw invalid(
      'If-Match',
      'is about one version, but this request is about many',
      'What was found is checked anyway.',
    );
}
