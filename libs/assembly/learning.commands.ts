import { CommandBus, CommandHandler, QueryHandler, type ICommandHandler, type IQueryHandler } from '@nestjs/cqrs';
import { SqliteAuditLog, wasAnswered, type Written } from '#audit-log';
import { conflict, type Caller, type JsonObject } from '#kernel';
import { memoryAt, memoryIfAny, type Memory } from '#memories';
import { RestoreMemory, WriteMemory } from '#memories/module';
import { ReadSide } from '#storage';
import { procedureOutcomes } from '#work';
import { judge, withRate, type VersionRate } from './learning.js';

interface Address {
  namespace: string;
  key: string;
}

/** An episode that a procedure was learnt from; its newest version where none is named. */
export interface EpisodeRef extends Address {
  version?: number;
}

/** Makes a new version of a procedure out of what episodes taught. */
export class RefineProcedure {
  constructor(
    readonly by: Caller,
    readonly address: Address,
    readonly input: { value: JsonObject; metadata?: JsonObject; episodes: EpisodeRef[]; reason?: string },
  ) {}
}

/** Goes back to the version of a procedure that did best, if the current one did worse. */
export class RollBackProcedure {
  constructor(
    readonly by: Caller,
    readonly address: Address,
    readonly input: { dry_run: boolean; min_outcomes: number },
  ) {}
}

export interface Rollback {
  rolled_back: boolean;
  from_version: number;
  to_version: number | null;
  explanation: string;
  versions: VersionRate[];
  memory: Memory;
}

export class GetProcedureOutcomes {
  constructor(
    readonly by: Caller,
    readonly address: Address,
  ) {}
}

export interface ProcedureReport extends Address {
  current_version: number;
  versions: VersionRate[];
}

@CommandHandler(RefineProcedure)
export class RefineProcedureHandler implements ICommandHandler<RefineProcedure> {
  constructor(
    private readonly commands: CommandBus,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, address, input }: RefineProcedure): Promise<Written<Memory>> {
    const { value, episodes, reason } = input;
    const answered = this.reads.point(wasAnswered, by.idempotency?.key);
    const before = procedureAt(this.reads, address, by.time);
    const { learned_from: _, reason: __, ...kept } = before.metadata;
    const learned_from = answered ? [] : episodes.map((episode) => this.found(episode, by.time));
    const metadata = { ...kept, ...input.metadata, learned_from, ...(reason === undefined ? {} : { reason }) };
    // What was learnt was learnt about the version that was read.
    const expecting = { ...by, if_match: by.if_match ?? before.version };
    return this.commands.execute(new WriteMemory(expecting, { mode: 'put', ...address, value, metadata }));
  }

  private found(episode: EpisodeRef, now: string): JsonObject {
    const { namespace, key, version } = episode;
    const memory = this.reads.point(memoryIfAny, { ...episode, now });
    if (memory === null) {
      const which = version === undefined ? '' : ` version ${version}`;
      throw conflict('unknown-episode', `There is no memory ${namespace}/${key}${which} to have learnt from.`);
    }
    return { namespace, key, version: memory.version };
  }
}

@CommandHandler(RollBackProcedure)
export class RollBackProcedureHandler implements ICommandHandler<RollBackProcedure> {
  constructor(
    private readonly commands: CommandBus,
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, address, input }: RollBackProcedure): Promise<Written<Rollback>> {
    const { dry_run, min_outcomes } = input;
    if (!dry_run && this.reads.point(wasAnswered, by.idempotency?.key)) return this.again(by, address);
    const now = procedureAt(this.reads, address, by.time);
    const versions = await ratesOf(this.reads, address, by);
    const verdict = judge(now.version, versions, min_outcomes);
    const report = { ...verdict, rolled_back: false, from_version: now.version, versions, memory: now };
    if (dry_run || verdict.to_version === null)
      return { value: report, version: now.version, position: now.id, repeated: false };
    const expecting = { ...by, if_match: by.if_match ?? now.version };
    const written: Written<Memory> = await this.commands.execute(
      new RestoreMemory(expecting, address, verdict.to_version),
    );
    return { ...written, value: { ...report, rolled_back: true, memory: written.value } };
  }

  /** The first answer, as the log tells it. */
  private async again(by: Caller, address: Address): Promise<Written<Rollback>> {
    const written: Written<Memory> = await this.commands.execute(new RestoreMemory(by, address, undefined));
    const [event] = await this.log.readAll(written.position - 1, 1);
    const to_version = (event!.data as { restored_from: number }).restored_from;
    const from_version = written.version - 1;
    const explanation = `Version ${from_version} was rolled back to ${to_version}; this is the first answer again.`;
    const versions = await ratesOf(this.reads, address, by);
    const value = { rolled_back: true, from_version, to_version, explanation, versions, memory: written.value };
    return { ...written, value };
  }
}

@QueryHandler(GetProcedureOutcomes)
export class GetProcedureOutcomesHandler implements IQueryHandler<GetProcedureOutcomes> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, address }: GetProcedureOutcomes): Promise<ProcedureReport> {
    const { version } = procedureAt(this.reads, address, by.time);
    return { ...address, current_version: version, versions: await ratesOf(this.reads, address, by) };
  }
}

function procedureAt(reads: ReadSide, address: Address, now: string): Memory {
  const memory = reads.point(memoryAt, { ...address, now });
  if (memory.memory_type !== 'procedural') {
    throw conflict(
      'not-a-procedure',
      `${address.namespace}/${address.key} is ${memory.memory_type}, not procedural.`,
      'Only procedures are refined by what tasks come to.',
    );
  }
  return memory;
}

/** By what came of tasks that the caller sees. */
const ratesOf = async (reads: ReadSide, address: Address, { visible }: Caller): Promise<VersionRate[]> =>
  (await reads.scan(procedureOutcomes, { ...address, visible })).map(withRate);

export const learningHandlers = [RefineProcedureHandler, RollBackProcedureHandler, GetProcedureOutcomesHandler];
