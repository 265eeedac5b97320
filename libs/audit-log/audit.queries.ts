import { availableParallelism } from 'node:os';
import { QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { notFound, type Caller, type Page } from '#kernel';
import { ReadSide } from '#storage';
import { auditExportPage, exportLines, type ExportFilter } from './audit.export.js';
import { auditEvent, auditEvents, type AuditEvent, type AuditPageInput } from './audit.reads.js';
import type { Head } from './audit-log.js';
import { erasedUnasked, verifyRange, verifySlice, witnessedHead, type Verification } from './chain.js';
import { SqliteAuditLog } from './sqlite-audit-log.js';

export class ListAuditEvents {
  constructor(
    readonly by: Caller,
    readonly input: AuditPageInput,
  ) {}
}

export class ExportAuditLog {
  constructor(
    readonly by: Caller,
    readonly filter: ExportFilter,
  ) {}
}

export class GetAuditEvent {
  constructor(
    readonly by: Caller,
    readonly position: number,
  ) {}
}

export class GetAuditHead {
  constructor(readonly by: Caller) {}
}

export class VerifyAuditLog {
  constructor(
    readonly by: Caller,
    readonly range: { from?: number; to?: number },
  ) {}
}

/** How many bounded walks along the log one page may take, before it ends early with a cursor. */
const LOOKS = 10;

@QueryHandler(ListAuditEvents)
export class ListAuditEventsHandler implements IQueryHandler<ListAuditEvents> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ input }: ListAuditEvents): Promise<Page<AuditEvent>> {
    const items: AuditEvent[] = [];
    let { cursor } = input;
    for (let look = 0; look < LOOKS; look++) {
      const limit = input.limit - items.length;
      const page: Page<AuditEvent> = await this.reads.scan(auditEvents, { ...input, limit, cursor });
      items.push(...page.items);
      if (items.length === input.limit || page.next_cursor === null) return { items, next_cursor: page.next_cursor };
      cursor = page.next_cursor;
    }
    return { items, next_cursor: cursor! };
  }
}

@QueryHandler(ExportAuditLog)
export class ExportAuditLogHandler implements IQueryHandler<ExportAuditLog> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  /** Chunks of lines, up to where the log stands now. */
  async execute({ filter }: ExportAuditLog): Promise<AsyncIterable<string>> {
    const head = await this.log.head();
    return exportLines((input) => this.reads.scan(auditExportPage, input), head, filter);
  }
}

@QueryHandler(GetAuditEvent)
export class GetAuditEventHandler implements IQueryHandler<GetAuditEvent> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ position }: GetAuditEvent): Promise<AuditEvent> {
    const event = this.reads.point(auditEvent, position);
    if (event === undefined) throw notFound('entry', String(position));
    return event;
  }
}

@QueryHandler(GetAuditHead)
export class GetAuditHeadHandler implements IQueryHandler<GetAuditHead> {
  constructor(private readonly log: SqliteAuditLog) {}

  async execute(): Promise<Head> {
    return this.log.head();
  }
}

/** Slices verified side by side: more than there are processors would only keep readers from others. */
const AT_ONCE = Math.min(4, availableParallelism());

@QueryHandler(VerifyAuditLog)
export class VerifyAuditLogHandler implements IQueryHandler<VerifyAuditLog> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ range: { from = 1, to } }: VerifyAuditLog): Promise<Verification> {
    const head = await this.log.head();
    const last = to ?? (await this.reads.scan(witnessedHead, null));
    const range = { from, to: last };
    const found = await verifyRange((slice) => this.reads.scan(verifySlice, slice), range, AT_ONCE);
    const result = found.broken_at === undefined ? ((await this.reads.scan(erasedUnasked, range)) ?? found) : found;
    return { ok: result.broken_at === undefined, head, ...result };
  }
}

export const auditQueryHandlers = [
  ListAuditEventsHandler,
  ExportAuditLogHandler,
  GetAuditEventHandler,
  GetAuditHeadHandler,
  VerifyAuditLogHandler,
];
