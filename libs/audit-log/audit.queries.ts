import { QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { notFound, type Caller, type Page } from '#kernel';
import { ReadSide } from '#storage';
import { auditEvent, auditEvents, type AuditEvent, type AuditPageInput } from './audit.reads.js';
import type { Head } from './audit-log.js';
import { verifySlice, witnessedHead, type Verification } from './chain.js';
import { SqliteAuditLog } from './sqlite-audit-log.js';

export class ListAuditEvents {
  constructor(
    readonly by: Caller,
    readonly input: AuditPageInput,
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

@QueryHandler(ListAuditEvents)
export class ListAuditEventsHandler implements IQueryHandler<ListAuditEvents> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ input }: ListAuditEvents): Promise<Page<AuditEvent>> {
    return this.reads.scan(auditEvents, input);
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

/** Entries verified by one read: a fraction of a second. */
const SLICE = 10_000;

@QueryHandler(VerifyAuditLog)
export class VerifyAuditLogHandler implements IQueryHandler<VerifyAuditLog> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ range: { from = 1, to } }: VerifyAuditLog): Promise<Verification> {
    const head = await this.log.head();
    const last = to ?? (await this.reads.scan(witnessedHead, null));
    let checked = 0;
    for (let first = from; first <= last; first += SLICE) {
      const slice = await this.reads.scan(verifySlice, { from: first, to: Math.min(first + SLICE - 1, last) });
      checked += slice.checked;
      if (slice.broken_at !== undefined) {
        return { ok: false, checked, head, broken_at: slice.broken_at, reason: slice.reason };
      }
    }
    return { ok: true, checked, head };
  }
}

export const auditQueryHandlers = [
  ListAuditEventsHandler,
  GetAuditEventHandler,
  GetAuditHeadHandler,
  VerifyAuditLogHandler,
];
