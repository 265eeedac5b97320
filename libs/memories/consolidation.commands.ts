import { Injectable } from '@nestjs/common';
import { CommandHandler, QueryHandler, type ICommandHandler, type IQueryHandler } from '@nestjs/cqrs';
import { decideStep, SqliteAuditLog, wasAnswered, type Decision, type Written } from '#audit-log';
import { conflict as conflictError, invalid, type Caller, type JsonObject, type Page } from '#kernel';
import { Meaning, OllamaChat } from '#search';
import { ReadSide } from '#storage';
import { Operations, type Operation } from '#operations';
import { archive, type ArchiveInput } from './archive.js';
import { arbitrate } from './arbiter.js';
import type { Resolution } from './conflict.events.js';
import { conflictById, conflictsPage, type Conflict, type ConflictsInput } from './conflict.reads.js';
import {
  consolidate,
  membersOf,
  planOf,
  resolved,
  reviewed,
  type ConsolidationInput,
  type ConsolidationPorts,
} from './consolidation.js';
import { summariseEpisodes, type EpisodicInput } from './episodes.js';
import { memory } from './memory.decider.js';
import { AS_WRITTEN, memoryIfAny } from './memory.reads.js';
import type { Memory } from './memory.row.js';
import { settle, type Settlement } from './settlement.js';

/** Looks for conflicts and settles them; answers at once with the operation that does. */
export class ConsolidateMemories {
  constructor(
    readonly by: Caller,
    readonly input: ConsolidationInput,
  ) {}
}

export class SummariseEpisodes {
  constructor(
    readonly by: Caller,
    readonly input: EpisodicInput,
  ) {}
}

/** Archives what nobody has written for long. */
export class ArchiveMemories {
  constructor(
    readonly by: Caller,
    readonly input: ArchiveInput,
  ) {}
}

/** Archives one memory. */
export class ArchiveMemory {
  constructor(
    readonly by: Caller,
    readonly address: { namespace: string; key: string },
  ) {}
}

export class ResolveConflict {
  constructor(
    readonly by: Caller,
    readonly input: { id: string; strategy: Exclude<Resolution, 'outdated'>; value?: JsonObject },
  ) {}
}

export class ListConflicts {
  constructor(
    readonly by: Caller,
    readonly input: ConflictsInput,
  ) {}
}

export class GetConflict {
  constructor(
    readonly by: Caller,
    readonly id: string,
  ) {}
}

/** What all of them work with; decorated, so that those who extend it are given it. */
@Injectable()
abstract class Consolidating {
  constructor(
    protected readonly log: SqliteAuditLog,
    protected readonly reads: ReadSide,
    protected readonly chat: OllamaChat,
    protected readonly operations: Operations,
    protected readonly meaning: Meaning,
  ) {}

  protected get ports(): ConsolidationPorts {
    const { log, reads, chat, meaning } = this;
    return { log, reads, chat, model: () => meaning.active() };
  }

  /** Whoever asked, at the moment of each write; the operation ties all of them together. */
  protected callers(by: Caller, operation: string): () => Caller {
    const { actor, request_id, correlation_id } = by;
    return () => ({
      actor,
      request_id,
      causation_id: correlation_id,
      correlation_id: operation,
      time: new Date().toISOString(),
    });
  }
}

@CommandHandler(ConsolidateMemories)
export class ConsolidateMemoriesHandler extends Consolidating implements ICommandHandler<ConsolidateMemories> {
  async execute({ by, input }: ConsolidateMemories): Promise<Operation> {
    return this.operations.start(
      'memories.consolidate',
      (report, id) => consolidate(this.ports, this.callers(by, id), input, report),
      by,
    );
  }
}

@CommandHandler(SummariseEpisodes)
export class SummariseEpisodesHandler extends Consolidating implements ICommandHandler<SummariseEpisodes> {
  async execute({ by, input }: SummariseEpisodes): Promise<Operation> {
    return this.operations.start(
      'memories.summarise',
      (report, id) => summariseEpisodes(this.ports, this.callers(by, id), input, report),
      by,
    );
  }
}

@CommandHandler(ArchiveMemories)
export class ArchiveMemoriesHandler extends Consolidating implements ICommandHandler<ArchiveMemories> {
  async execute({ by, input }: ArchiveMemories): Promise<Operation> {
    return this.operations.start(
      'memories.archive',
      (report, id) => archive(this.ports, this.callers(by, id), input, report),
      by,
    );
  }
}

@CommandHandler(ArchiveMemory)
export class ArchiveMemoryHandler extends Consolidating implements ICommandHandler<ArchiveMemory> {
  async execute({ by, address }: ArchiveMemory): Promise<Written<Memory>> {
    const step = decideStep(memory, { type: 'ArchiveMemory', ...address, if_match: by.if_match });
    const { results, replayed } = await this.log.execute({ caller: by, steps: [step] });
    const { position } = results[0] as Decision;
    const value = this.reads.point(memoryIfAny, { ...address, as_of: position, now: AS_WRITTEN })!;
    return { value, version: value.version, position, repeated: replayed };
  }
}

@CommandHandler(ResolveConflict)
export class ResolveConflictHandler extends Consolidating implements ICommandHandler<ResolveConflict> {
  async execute({ by, input }: ResolveConflict): Promise<Written<Conflict>> {
    const { id, strategy, value } = input;
    refuseValue(strategy, value);
    const answered = this.reads.point(wasAnswered, by.idempotency?.key);
    const steps = answered ? [] : await this.steps(id, strategy, value);
    const { position, replayed } = await this.log.execute({ caller: by, steps });
    return { value: this.reads.point(conflictById, id), version: 2, position, repeated: replayed };
  }

  private async steps(id: string, strategy: ResolveConflict['input']['strategy'], value: JsonObject | undefined) {
    const { kind, namespace, members, reason, status } = this.reads.point(conflictById, id);
    if (status === 'resolved')
      throw conflictError(
        'conflict-resolved',
        `Conflict ${id} is resolved.`,
        `GET /v1/memories/conflicts/${id} says how.`,
      );
    const found = { conflict_id: id, kind, namespace, members, reason, certain: true };
    if (strategy === 'keep_all') return [...reviewed(id, members), resolved(id, strategy, null)];
    const memories = membersOf(this.reads, members);
    let settlement: Settlement;
    if (strategy === 'manual') settlement = settle(memories, { value: value! });
    else if (strategy === 'llm') {
      const arbitration = await arbitrate(this.chat, memories);
      if (!arbitration.same) return [...reviewed(id, members), resolved(id, strategy, null)];
      settlement = settle(memories, arbitration);
    } else settlement = settle(memories, strategy);
    return planOf(found, memories, settlement, strategy).steps;
  }
}

function refuseValue(strategy: Resolution, value: JsonObject | undefined): void {
  if (strategy === 'manual' && value === undefined)
    throw invalid('value', 'is missing', 'With the strategy manual, say what the memory holds from now on.');
  if (strategy !== 'manual' && value !== undefined)
    throw invalid('value', `has no meaning with the strategy ${strategy}`, 'Only manual takes a value.');
}

@QueryHandler(ListConflicts)
export class ListConflictsHandler implements IQueryHandler<ListConflicts> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: ListConflicts): Promise<Page<Conflict>> {
    return this.reads.scan(conflictsPage, { ...input, visible: by.visible });
  }
}

@QueryHandler(GetConflict)
export class GetConflictHandler implements IQueryHandler<GetConflict> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ id }: GetConflict): Promise<Conflict> {
    return this.reads.point(conflictById, id);
  }
}

export const consolidationHandlers = [
  ConsolidateMemoriesHandler,
  SummariseEpisodesHandler,
  ArchiveMemoriesHandler,
  ArchiveMemoryHandler,
  ResolveConflictHandler,
  ListConflictsHandler,
  GetConflictHandler,
];
