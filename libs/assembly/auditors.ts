import { CommandHandler, QueryHandler, type ICommandHandler, type IQueryHandler } from '@nestjs/cqrs';
import {
  headPosition,
  planStep,
  resolveAsOf,
  SqliteAuditLog,
  streamTip,
  type Carried,
  type Change,
  type Decision,
  type Revert,
  type Why,
  type Written,
} from '#audit-log';
import { invalid, notFound, type Caller, type Page } from '#kernel';
import { sessionStream } from '#sessions';
import { ReadSide } from '#storage';
import { diffRead, planRevert } from './features.js';
import { memoryWhy } from './why.js';

export interface DiffRequest {
  /** A position or a time, each. */
  from: string;
  to: string;
  namespace_prefix?: string;
  session_id?: string;
  limit: number;
  cursor?: string;
}

/** What became different between two positions. */
export class DiffLog {
  constructor(
    readonly by: Caller,
    readonly input: DiffRequest,
  ) {}
}

/** Where a memory comes from, and what became of it. */
export class WhyMemory {
  constructor(
    readonly by: Caller,
    readonly address: { namespace: string; key: string },
  ) {}
}

/** Takes everything back that was written under a correlation id. */
export class RevertOperation {
  constructor(
    readonly by: Caller,
    readonly operation: string,
    readonly dry_run: boolean,
  ) {}
}

export interface RevertResult extends Revert {
  dry_run: boolean;
  /** How many events that takes. */
  events: number;
}

export interface DiffPage extends Page<Change> {
  from: number;
  to: number;
}

@QueryHandler(DiffLog)
export class DiffLogHandler implements IQueryHandler<DiffLog> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: DiffLog): Promise<DiffPage> {
    const { namespace_prefix, session_id, limit, cursor } = input;
    if (namespace_prefix !== undefined && session_id !== undefined)
      throw invalid('session_id', 'does not go with namespace_prefix', 'Ask for one of them.');
    const from = resolveAsOf(this.reads, input.from, by.time, 'from')!;
    const to = resolveAsOf(this.reads, input.to, by.time, 'to')!;
    if (from > to) throw invalid('from', `is ${from}, which is after ${to}`, 'Say the earlier position first.');
    const stream = session_id === undefined ? undefined : sessionStream(session_id);
    if (stream !== undefined && this.reads.point(streamTip, stream) === 0) throw notFound('session', session_id!);
    const page = await this.reads.scan(diffRead, { from, to, namespace_prefix, stream, limit, cursor });
    return { from, to, ...page };
  }
}

@QueryHandler(WhyMemory)
export class WhyMemoryHandler implements IQueryHandler<WhyMemory> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, address }: WhyMemory): Promise<Why> {
    return this.reads.scan(memoryWhy, { ...address, visible: by.visible });
  }
}

@CommandHandler(RevertOperation)
export class RevertOperationHandler implements ICommandHandler<RevertOperation> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, operation, dry_run }: RevertOperation): Promise<Written<RevertResult>> {
    if (by.correlation_id === operation) {
      throw invalid('X-Correlation-Id', 'is that of what is to be taken back', 'Send another one, or none.');
    }
    const { results, position, replayed } = await this.log.execute({
      caller: { ...by, causation_id: operation },
      steps: [planStep(planRevert, { operation, by: by.correlation_id, dry_run })],
      ...(dry_run && { rehearse: true }),
    });
    const { answer, carried } = results[0] as Carried;
    const events = carried.reduce<number>((sum, decision) => sum + (decision as Decision).events.length, 0);
    const value = { ...(answer as Revert), dry_run, events };
    return {
      value,
      version: events,
      position: dry_run ? this.reads.point(headPosition, null) : position,
      repeated: replayed,
    };
  }
}

export const auditorHandlers = [DiffLogHandler, WhyMemoryHandler, RevertOperationHandler];
