import { randomUUID } from 'node:crypto';
import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiBody, ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Written } from '#audit-log';
import type { Document } from '#documents';
import {
  DeleteDocument,
  GetDocument,
  ListDocuments,
  PutDocument,
  SearchDocuments,
  SyncDocuments,
  type DocumentSearchAnswer,
  type WrittenDocument,
} from '#documents/module';
import { invalid, notFound, type Caller, type Page } from '#kernel';
import type { Operation } from '#operations';
import { Metrics } from '#telemetry';
import { asOfText } from './http/as-of.js';
import { By } from './http/caller.js';
import { parseFilter } from './http/filter.js';
import { observeSearch } from './http/observe-search.js';
import { answerRead, answerWrite } from './http/written.js';
import {
  DocumentBody,
  DocumentPage,
  ListDocumentsQuery,
  PutDocumentBody,
  SearchDocumentsBody,
  SearchDocumentsResult,
  SyncDocumentsBody,
} from './documents.dto.js';
import { OperationBody } from './operations.dto.js';

@ApiTags('Documents')
@Controller('v1/documents')
export class DocumentsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly metrics: Metrics,
  ) {}

  /** Writes a document: a new one, a new version, or nothing when it is unchanged. */
  @Put()
  @ApiOkResponse({ type: DocumentBody })
  @ApiCreatedResponse({ type: DocumentBody, description: 'It is new.' })
  async put(
    @By() by: Caller,
    @Body() body: PutDocumentBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DocumentBody> {
    const written: WrittenDocument = await this.commands.execute(
      new PutDocument(by, { ...body, file_path: filePath(body.file_path) }),
    );
    return answerWrite(reply, written, written.outcome === 'created' ? 201 : 200);
  }

  /** Documents by filter, newest change first. */
  @Get()
  async list(@By() by: Caller, @Query() query: ListDocumentsQuery): Promise<DocumentPage> {
    const filter = query.filter === undefined ? undefined : parseFilter(query.filter);
    const page: Page<Document> = await this.queries.execute(new ListDocuments(by, { ...query, filter }));
    return page;
  }

  /** Has the watched directories compared with the index: what is new, has changed, moved or gone. */
  @Post('sync')
  @HttpCode(202)
  @ApiBody({ type: SyncDocumentsBody, required: false })
  async sync(
    @By() by: Caller,
    @Body() body: SyncDocumentsBody | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationBody> {
    const operation: Operation = await this.commands.execute(new SyncDocuments(by, body?.directory));
    reply.header('location', `/v1/operations/${operation.id}`);
    return operation;
  }

  /** Chunks of documents by meaning and by words, best first. */
  @Post('search')
  @HttpCode(200)
  async search(@By() by: Caller, @Body() body: SearchDocumentsBody): Promise<SearchDocumentsResult> {
    const { explain, weights, as_of, ...query } = body;
    if (query.query.trim() === '') throw invalid('query', 'must not be blank');
    const begin = performance.now();
    const answer: DocumentSearchAnswer = await this.queries.execute(
      new SearchDocuments(by, {
        ...query,
        as_of: asOfText(as_of),
        weights: { meaning: weights?.semantic ?? 0.7, words: weights?.keyword ?? 0.3 },
      }),
    );
    const { mode, degraded } = answer;
    observeSearch(this.metrics, { source: 'document', mode, degraded, found: answer.results.length, begin });
    const results = answer.results.map(({ score_details, ...hit }) => (explain ? { ...hit, score_details } : hit));
    return { search_id: randomUUID(), mode: answer.mode, degraded: answer.degraded, results };
  }

  /** A document. Its ETag names the version once it is synced; until then it changes with the status. */
  @Get(':id')
  async get(
    @By() by: Caller,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DocumentBody | undefined> {
    const document: Document = await this.queries.execute(new GetDocument(by, documentId(id)));
    if (document.sync_status !== 'synced') return document;
    return answerRead(request, reply, `"${document.version}"`, document);
  }

  /** Removes a document from the index. One whose file is in a watched directory comes back with the next sync. */
  @Delete(':id')
  @HttpCode(204)
  async delete(
    @By() by: Caller,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const written: Written<null> = await this.commands.execute(new DeleteDocument(by, documentId(id)));
    answerWrite(reply, written, 204);
  }
}

/** A path is a name here: nothing is read from it, but it must not look as if it led elsewhere. */
function filePath(path: string): string {
  const names = path.replace(/^\//, '').split('/');
  if (names.some((name) => name === '' || name === '.' || name === '..'))
    throw invalid('file_path', 'must be names joined by /, without empty ones, . and ..');
  if (/[\p{Cc}\u202A-\u202E\u2066-\u2069]/u.test(path))
    throw invalid('file_path', 'holds a character that cannot be printed');
  return path;
}

function documentId(text: string): number {
  const id = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(id)) throw notFound('document', text.slice(0, 100));
  return id;
}
