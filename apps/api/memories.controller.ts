import { Readable } from 'node:stream';
import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Post,
  Put,
  Query,
  Req,
  Res,
  StreamableFile,
} from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiBody, ApiConsumes, ApiCreatedResponse, ApiOkResponse, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isoTime, type Written } from '#audit-log';
import { identifier, invalid, memoryKey, namespace, namespacePrefix, scopeOf, type Caller, type Page } from '#kernel';
import type { Memory, MemorySearchAnswer } from '#memories';
import {
  BatchMemories,
  DeleteMemory,
  DiffMemory,
  ExpireMemories,
  ExportMemories,
  GetMemory,
  ListMemories,
  ListMemoryVersions,
  PublishMemory,
  RestoreMemory,
  SearchMemories,
  WriteMemory,
  type ExpiredMemories,
  type MemoryOperationInput,
  type WrittenMemory,
} from '#memories/module';
import { SearchIds } from '#search';
import { Metrics } from '#telemetry';
import { asOfText } from './http/as-of.js';
import { By } from './http/caller.js';
import { Gate } from './http/gate.js';
import { parseFilter } from './http/filter.js';
import { ndjson } from './http/ndjson.js';
import { observeSearch } from './http/observe-search.js';
import { answerRead, answerWrite } from './http/written.js';
import { BatchMemoriesBody, BatchResultBody, type BatchOperation } from './memories-batch.dto.js';
import { SearchMemoriesBody, SearchMemoriesResult, type SearchFields } from './memories-search.dto.js';
import {
  AddMemoryBody,
  DiffMemoryQuery,
  ExpiredBody,
  ExpireMemoriesBody,
  ExportMemoriesQuery,
  GetMemoryQuery,
  HistoryQuery,
  ImportResultBody,
  ListMemoriesQuery,
  MemoryBody,
  MemoryContentBody,
  MemoryPage,
  PatchOperationBody,
  PublishMemoryBody,
  PutMemoryBody,
  RestoreMemoryBody,
} from './memories.dto.js';
import { importMemories, toLine } from './memories.import.js';

@ApiTags('Memories')
@Controller('v1/memories')
export class MemoriesController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly metrics: Metrics,
    private readonly searchIds: SearchIds,
    private readonly gate: Gate,
  ) {}

  /** Adds a memory; an address that is taken is refused. */
  @Post()
  @HttpCode(201)
  async add(
    @By() by: Caller,
    @Body() body: AddMemoryBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MemoryBody> {
    const { created_by, ...content } = body;
    const input = {
      mode: 'add' as const,
      ...content,
      ...address(body.namespace, body.key),
      actor: actor(created_by, 'created_by'),
    };
    const written: WrittenMemory = await this.commands.execute(new WriteMemory(by, checked(input)));
    return answerWrite(reply, written, 201);
  }

  /** Memories by filter, newest first. */
  @Get()
  async list(@By() by: Caller, @Query() query: ListMemoriesQuery): Promise<MemoryPage> {
    const { namespace_prefix, updated_after, updated_before, filter } = query;
    const input = {
      ...query,
      namespace_prefix: namespace_prefix === undefined ? undefined : namespacePrefix(namespace_prefix),
      updated_after: updated_after && isoTime(updated_after, 'updated_after'),
      updated_before: updated_before && isoTime(updated_before, 'updated_before'),
      filter: filter === undefined ? undefined : parseFilter(filter),
    };
    const page: Page<Memory> = await this.queries.execute(new ListMemories(by, input));
    this.asksFor(input);
    return page;
  }

  /** Operations in order, all or none; each sees what those before it did. */
  @Post('batch')
  @HttpCode(200)
  async batch(
    @By() by: Caller,
    @Body() body: BatchMemoriesBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BatchResultBody> {
    refuseIfMatch(by, 'Say `if_match` in the operations.');
    const searches = body.operations.filter(({ op }) => op === 'search').length;
    if (searches > MAX_BATCH_SEARCHES) {
      throw invalid(
        'operations',
        `have ${searches} searches, but at most ${MAX_BATCH_SEARCHES} may hold up other writes`,
        'Search with POST /v1/memories/search.',
      );
    }
    const operations = body.operations.map(toOperation);
    const written: Written<unknown[]> = await this.commands.execute(new BatchMemories(by, operations));
    return { results: answerWrite(reply, written) };
  }

  /** Memories by meaning and by words, best first. */
  @Post('search')
  @HttpCode(200)
  async search(@By() by: Caller, @Body() body: SearchMemoriesBody): Promise<SearchMemoriesResult> {
    const begin = performance.now();
    const { as_of, ...asked } = body;
    const input = { ...toSearch(asked), as_of: asOfText(as_of) };
    const { mode, degraded, results }: MemorySearchAnswer = await this.queries.execute(new SearchMemories(by, input));
    observeSearch(this.metrics, { source: 'memory', mode, degraded, found: results.length, begin });
    this.asksFor(body);
    const ids = results.map(({ id }) => id);
    const search_id = this.searchIds.issue({ source: 'memory', mode, time: Date.parse(by.time), ids });
    return { search_id, mode, degraded, results };
  }

  /** Copies a memory to a shared namespace; the source stays, and the copy says where it came from. */
  @Post('publish')
  @HttpCode(201)
  async publish(
    @By() by: Caller,
    @Body() body: PublishMemoryBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MemoryBody> {
    const input = {
      from_namespace: namespace(body.from_namespace, 'from_namespace'),
      to_namespace: namespace(body.to_namespace, 'to_namespace'),
      key: memoryKey(body.key),
    };
    const written: Written<Memory> = await this.commands.execute(new PublishMemory(by, input));
    return answerWrite(reply, written, 201);
  }

  /** Lets episodic memories fade that nobody has written for so many days; up to 1,000 at once, and all or none of them. */
  @Post('expire')
  @HttpCode(200)
  async expire(
    @By() by: Caller,
    @Body() body: ExpireMemoriesBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ExpiredBody> {
    refuseIfMatch(by, 'Delete a memory at a version you saw: DELETE takes If-Match.');
    const expired: Written<ExpiredMemories> = await this.commands.execute(new ExpireMemories(by, body));
    return answerWrite(reply, expired);
  }

  /** Writes memories from NDJSON: `namespace`, `key`, `value`, `memory_type`, `metadata`, `created_by`, `expires_at`. */
  @Post('import')
  @HttpCode(200)
  @ApiConsumes('application/x-ndjson')
  @ApiBody({ schema: { type: 'string' } })
  async import(
    @By() by: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ImportResultBody> {
    if (!(request.body instanceof Readable))
      throw invalid('body', 'must be NDJSON', 'Send Content-Type: application/x-ndjson.');
    refuseIfMatch(by, 'Import without it: unchanged memories stay as they are.');
    const { position, ...result } = await importMemories(request.body, by, this.commands, (memory) =>
      this.gate.checkMemory(request, memory),
    );
    reply.header('x-position', String(position));
    return result;
  }

  /** Memories as NDJSON, all as of the moment of asking, or of another. */
  @Get('export')
  @ApiProduces('application/x-ndjson')
  @ApiOkResponse({ schema: { type: 'string' }, description: 'One memory a line, as import takes them.' })
  async export(
    @By() by: Caller,
    @Query() query: ExportMemoriesQuery,
    @Req() request: FastifyRequest,
  ): Promise<StreamableFile> {
    const namespace_prefix = query.namespace_prefix === undefined ? undefined : namespacePrefix(query.namespace_prefix);
    const pages: AsyncIterable<Memory[]> = await this.queries.execute(
      new ExportMemories(by, { ...query, namespace_prefix }),
    );
    this.asksFor({ namespace_prefix });
    let given = 0;
    const stream = ndjson(linesOf(pages), (lines) => (request.answer = given += lines));
    return new StreamableFile(stream, { type: 'application/x-ndjson' });
  }

  /** Writes a memory: a new one, a new version, or nothing when it is unchanged. */
  @Put(':namespace/:key')
  @ApiOkResponse({ type: MemoryBody })
  @ApiCreatedResponse({ type: MemoryBody, description: 'It is new.' })
  async put(
    @By() by: Caller,
    @Param('namespace') ns: string,
    @Param('key') key: string,
    @Body() body: PutMemoryBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MemoryBody> {
    const { updated_by, ...content } = body;
    const input = { mode: 'put' as const, ...content, ...address(ns, key), actor: actor(updated_by, 'updated_by') };
    const written: WrittenMemory = await this.commands.execute(new WriteMemory(by, checked(input)));
    return answerWrite(reply, written, written.outcome === 'created' ? 201 : 200);
  }

  /** A memory now, one of its versions, or as it was at a moment. */
  @Get(':namespace/:key')
  async get(
    @By() by: Caller,
    @Param('namespace') ns: string,
    @Param('key') key: string,
    @Query() query: GetMemoryQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MemoryBody | undefined> {
    const memory: Memory = await this.queries.execute(new GetMemory(by, { ...query, ...address(ns, key) }));
    return answerRead(request, reply, `"${memory.version}"`, memory);
  }

  /** All versions, newest first. */
  @Get(':namespace/:key/history')
  async history(
    @By() by: Caller,
    @Param('namespace') ns: string,
    @Param('key') key: string,
    @Query() query: HistoryQuery,
  ): Promise<MemoryPage> {
    const page: Page<Memory> = await this.queries.execute(
      new ListMemoryVersions(by, { ...query, ...address(ns, key) }),
    );
    return page;
  }

  /** What turns one version into another: a JSON Patch (RFC 6902) of `{ memory_type, value, metadata }`. */
  @Get(':namespace/:key/diff')
  async diff(
    @By() by: Caller,
    @Param('namespace') ns: string,
    @Param('key') key: string,
    @Query() { from, to }: DiffMemoryQuery,
  ): Promise<PatchOperationBody[]> {
    const patch: PatchOperationBody[] = await this.queries.execute(
      new DiffMemory(by, { ...address(ns, key), from, to }),
    );
    return patch;
  }

  /** Deletes a memory softly: its versions stay, and it can be restored. */
  @Delete(':namespace/:key')
  @HttpCode(204)
  async delete(
    @By() by: Caller,
    @Param('namespace') ns: string,
    @Param('key') key: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const written: Written<null> = await this.commands.execute(new DeleteMemory(by, address(ns, key)));
    answerWrite(reply, written, 204);
  }

  /** Takes a deletion back, or rolls back to a version by writing its content again. */
  @Post(':namespace/:key/restore')
  @HttpCode(200)
  @ApiBody({ type: RestoreMemoryBody, required: false })
  async restore(
    @By() by: Caller,
    @Param('namespace') ns: string,
    @Param('key') key: string,
    @Body() body: RestoreMemoryBody | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MemoryBody> {
    const written: Written<Memory> = await this.commands.execute(
      new RestoreMemory(by, address(ns, key), body?.version),
    );
    return answerWrite(reply, written);
  }

  private asksFor({ namespace_prefix }: { namespace_prefix?: string }): void {
    this.metrics.namespaceQueries.inc({ scope: namespace_prefix === undefined ? 'any' : scopeOf(namespace_prefix) });
  }
}

/** Searches of a batch run in the transaction that everybody waits for. */
const MAX_BATCH_SEARCHES = 20;

const address = (ns: string, key: string): { namespace: string; key: string } => ({
  namespace: namespace(ns),
  key: memoryKey(key),
});

function refuseIfMatch({ if_match }: Caller, hint: string): void {
  if (if_match !== undefined) throw invalid('If-Match', 'is about one version, but this request writes many', hint);
}

const actor = (name: string | undefined, field: string): string | undefined =>
  name === undefined ? undefined : identifier(name, field);

function checked<T extends Pick<MemoryContentBody, 'task_id' | 'session_id'>>(input: T): T {
  if (typeof input.task_id === 'string') identifier(input.task_id, 'task_id');
  if (typeof input.session_id === 'string') identifier(input.session_id, 'session_id');
  return input;
}

function toOperation(operation: BatchOperation, index: number): MemoryOperationInput {
  const at = (field: string): string => `operations[${index}].${field}`;
  switch (operation.op) {
    case 'put':
    case 'add': {
      const { updated_by, ...content } = operation;
      return {
        ...content,
        namespace: namespace(operation.namespace, at('namespace')),
        key: memoryKey(operation.key, at('key')),
        actor: actor(updated_by, at('updated_by')),
      };
    }
    case 'delete':
    case 'get':
      return {
        ...operation,
        namespace: namespace(operation.namespace, at('namespace')),
        key: memoryKey(operation.key, at('key')),
      };
    case 'search': {
      const { op, ...asked } = operation;
      return { op, ...toSearch(asked, at) };
    }
    case 'list_namespaces': {
      const { op, prefix, suffix, max_depth, limit = 100 } = operation;
      return { op, prefix, suffix, max_depth, limit };
    }
  }
}

type SearchInput = Extract<MemoryOperationInput, { op: 'search' }>;

/** A search as a client spells it, every default filled in. */
function toSearch(asked: SearchFields, at: (field: string) => string = (field) => field): Omit<SearchInput, 'op'> {
  const { namespace_prefix: prefix, weights: { semantic = 0.7, keyword = 0.3 } = {}, ...rest } = asked;
  if (rest.query.trim() === '') throw invalid(at('query'), 'must not be blank');
  if (semantic + keyword === 0) throw invalid(at('weights'), 'must not both be 0');
  return {
    ...DEFAULT_SEARCH,
    ...rest,
    namespace_prefix: prefix === undefined ? undefined : namespacePrefix(prefix, at('namespace_prefix')),
    weights: { meaning: semantic, words: keyword },
  };
}

const DEFAULT_SEARCH = { mode: 'hybrid', fusion: 'weighted', limit: 10, threshold: 0, explain: false } as const;

async function* linesOf(pages: AsyncIterable<Memory[]>): AsyncIterable<unknown[]> {
  for await (const page of pages) yield page.map(toLine);
}
