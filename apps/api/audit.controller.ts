import { Readable } from 'node:stream';
import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res, StreamableFile } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { ApiBody, ApiOkResponse, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  askedFilter,
  auditEvent,
  headPosition,
  LogSigner,
  matches,
  spellVerifier,
  SqliteAuditLog,
  type AuditEvent,
  type AuditFilter,
  type ExportFilter,
  type Head,
  type Verification,
} from '#audit-log';
import { ExportAuditLog, GetAuditEvent, GetAuditHead, ListAuditEvents, VerifyAuditLog } from '#audit-log/module';
import { invalid, type Caller, type Page } from '#kernel';
import { ReadSide } from '#storage';
import {
  AuditEventBody,
  AuditEventPage,
  AuditFilterQuery,
  ExportAuditQuery,
  ConsistencyBody,
  ConsistencyQuery,
  FeedQuery,
  HeadBody,
  ListAuditEventsQuery,
  VerificationBody,
  VerifyBody,
} from './audit.dto.js';
import { By } from './http/caller.js';
import { Draining } from './http/draining.js';
import { serverSentEvents, type FeedItem } from './http/feed.js';

@ApiTags('Audit')
@Controller('v1/audit')
export class AuditController {
  constructor(
    private readonly queries: QueryBus,
    private readonly log: SqliteAuditLog,
    private readonly signer: LogSigner,
    private readonly reads: ReadSide,
    private readonly draining: Draining,
  ) {}

  /** Entries of the log, filtered. */
  @Get('events')
  async list(@By() by: Caller, @Query() query: ListAuditEventsQuery): Promise<AuditEventPage> {
    const input = { ...query, ...this.filter(query) };
    const page: Page<AuditEvent> = await this.queries.execute(new ListAuditEvents(by, input));
    return page;
  }

  /**
   * The log as NDJSON, up to where it stands now: a manifest, an entry a line, and a trailer without which it was cut
   * off. Without a filter a database can be made from it.
   */
  @Get('export')
  @ApiProduces('application/x-ndjson')
  @ApiOkResponse({ schema: { type: 'string' }, description: 'A manifest, one entry a line, a trailer.' })
  async export(@By() by: Caller, @Query() query: ExportAuditQuery): Promise<StreamableFile> {
    const chunks: AsyncIterable<string> = await this.queries.execute(new ExportAuditLog(by, this.filter(query)));
    return new StreamableFile(Readable.from(chunks), { type: 'application/x-ndjson' });
  }

  /** One entry. */
  @Get('events/:position')
  async get(@By() by: Caller, @Param('position') position: string): Promise<AuditEventBody> {
    return this.queries.execute(new GetAuditEvent(by, positionOf(position, 'position')));
  }

  /** The last entry: what a verified copy of the log must end with. */
  @Get('head')
  async head(@By() by: Caller): Promise<HeadBody> {
    const head: Head = await this.queries.execute(new GetAuditHead(by));
    return head;
  }

  /** The signed head of the log (c2sp.org/tlog-checkpoint): what an auditor keeps elsewhere. */
  @Get('checkpoint')
  @ApiProduces('text/plain')
  @ApiOkResponse({ schema: { type: 'string' }, description: 'A signed note.' })
  async checkpoint(@Res() reply: FastifyReply): Promise<void> {
    const { note } = await this.signer.head();
    await reply.type(TEXT).send(note);
  }

  /** The public keys that sign heads, one to a line, the newest last. */
  @Get('keys')
  @ApiProduces('text/plain')
  @ApiOkResponse({ schema: { type: 'string' }, description: 'Keys as `name+id+base64`.' })
  async publicKeys(@Res() reply: FastifyReply): Promise<void> {
    await reply.type(TEXT).send(`${this.signer.keys.verifiers().map(spellVerifier).join('\n')}\n`);
  }

  /** That an entry is in the log (c2sp.org/tlog-proof), with what its leaf is made of as `extra`. */
  @Get('events/:position/proof')
  @ApiProduces('text/plain')
  @ApiOkResponse({ schema: { type: 'string' }, description: 'A proof that needs the log’s public key only.' })
  async proof(@Param('position') position: string, @Res() reply: FastifyReply): Promise<void> {
    await reply.type(TEXT).send(await this.signer.inclusion(positionOf(position, 'position')));
  }

  /** That the log of `from` entries is the beginning of that of `to` (RFC 9162); `to` is the signed head by itself. */
  @Get('consistency')
  async consistency(@Query() { from, to }: ConsistencyQuery): Promise<ConsistencyBody> {
    return this.signer.consistency(from, to);
  }

  /** Recomputes the chain and says where it breaks. */
  @Post('verify')
  @HttpCode(200)
  @ApiBody({ type: VerifyBody, required: false })
  async verify(@By() by: Caller, @Body() body: VerifyBody | undefined): Promise<VerificationBody> {
    const { from, to } = body ?? {};
    const { position } = await this.log.head();
    if (to !== undefined && to > position) throw invalid('to', `is ${to}, but the head is ${position}`);
    if (from !== undefined && from > Math.max(1, to ?? position))
      throw invalid('from', `is ${from}, which is after the end of the range`);
    const verification: Verification = await this.queries.execute(new VerifyAuditLog(by, { from, to }));
    return verification;
  }

  /** New entries as server-sent events; `Last-Event-ID` resumes without a gap. */
  @Get('feed')
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ schema: { type: 'string' }, description: 'An endless stream of entries.' })
  async feed(@Query() query: FeedQuery, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { after: begin, ...filter } = this.filter(query);
    const last = request.headers['last-event-id'];
    const { position: head } = await this.log.head();
    const resumes = typeof last === 'string';
    const after = resumes ? positionOf(last, 'Last-Event-ID') : (begin ?? head);
    if (after > head) throw invalid(resumes ? 'Last-Event-ID' : 'after', `is ${after}, but the head is ${head}`);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.draining.signal]);
    await reply
      .type('text/event-stream')
      .header('cache-control', 'no-store')
      .header('x-accel-buffering', 'no')
      .send(serverSentEvents(this.items(after, filter, signal), signal));
  }

  private filter(query: AuditFilterQuery): ExportFilter {
    return askedFilter(query, this.reads.point(headPosition, null));
  }

  private async *items(after: number, filter: AuditFilter, signal: AbortSignal): AsyncIterable<FeedItem> {
    for await (const { position, type } of this.log.tail(after, signal)) {
      const data = this.reads.point(auditEvent, position)!;
      if (matches(filter, data)) yield { id: position, event: type, data };
    }
  }
}

const TEXT = 'text/plain; charset=utf-8';

function positionOf(text: string, field: string): number {
  if (!/^\d{1,15}$/.test(text)) throw invalid(field, 'must be a position in the log, a whole number');
  return Number(text);
}
