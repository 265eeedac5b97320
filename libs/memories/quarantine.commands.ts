import { randomUUID } from 'node:crypto';
import { CommandHandler, QueryHandler, type ICommandHandler, type IQueryHandler } from '@nestjs/cqrs';
import {
  decideStep,
  headPosition,
  isoTime,
  planStep,
  SqliteAuditLog,
  type Carried,
  type Decision,
  type Written,
} from '#audit-log';
import { conflict, invalid, type Caller, type Page } from '#kernel';
import { ReadSide } from '#storage';
import { quarantine } from './quarantine.decider.js';
import type { QuarantineSource } from './quarantine.events.js';
import {
  entriesFrom,
  planQuarantine,
  quarantineById,
  quarantinesPage,
  tainted,
  type Quarantine,
  type QuarantinesInput,
} from './quarantine.reads.js';

export interface QuarantineRequest {
  session_id?: string;
  /** The id of an agent, or an actor as the log names it. */
  agent?: string;
  /** The id of an API key. */
  key?: string;
  from?: string;
  to?: string;
  correlation_id?: string;
  reason: string;
}

export class ImposeQuarantine {
  constructor(
    readonly by: Caller,
    readonly input: QuarantineRequest,
  ) {}
}

export class LiftQuarantine {
  constructor(
    readonly by: Caller,
    readonly id: string,
  ) {}
}

export class ListQuarantines {
  constructor(
    readonly by: Caller,
    readonly input: QuarantinesInput,
  ) {}
}

export class GetQuarantine {
  constructor(
    readonly by: Caller,
    readonly id: string,
  ) {}
}

/** Memories that one quarantine can name: it is one event of the log. */
const MOST = 200_000;

@CommandHandler(ImposeQuarantine)
export class ImposeQuarantineHandler implements ICommandHandler<ImposeQuarantine> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, input }: ImposeQuarantine): Promise<Written<Quarantine>> {
    const source = sourceOf(input);
    const { reason } = input;
    if (reason.trim() === '') throw invalid('reason', 'must not be empty');
    // Looking through the log takes a while: that is done before the writer is asked, who looks at what came in since.
    const seen = this.reads.point(headPosition, null);
    const found = await this.reads.scan(tainted, await this.reads.scan(entriesFrom, { source, after: 0, until: seen }));
    if (found.length > MOST) {
      throw conflict(
        'too-many-memories',
        `${found.length} versions of memories came from there: too many for one quarantine.`,
        'Narrow it by from and to.',
      );
    }
    const step = planStep(planQuarantine, { quarantine_id: randomUUID(), source, reason, found, seen });
    const { results, position, replayed } = await this.log.execute({ caller: by, steps: [step] });
    const [decided] = (results[0] as Carried).carried as [Decision];
    const id = decided.stream.slice(decided.stream.indexOf(':') + 1);
    return { value: asImposed(this.reads.point(quarantineById, id)), version: 1, position, repeated: replayed };
  }
}

/** As it was when it was imposed: what is sent twice is answered as the first time. */
const asImposed = (imposed: Quarantine): Quarantine => ({ ...imposed, lifted_at: null, lifted_by: null });

@CommandHandler(LiftQuarantine)
export class LiftQuarantineHandler implements ICommandHandler<LiftQuarantine> {
  constructor(private readonly log: SqliteAuditLog) {}

  async execute({ by, id }: LiftQuarantine): Promise<Written<null>> {
    const step = decideStep(quarantine, { type: 'LiftQuarantine', quarantine_id: id });
    const { results, position, replayed } = await this.log.execute({ caller: by, steps: [step] });
    const { version, events } = results[0] as Decision;
    return { value: null, version, position, repeated: replayed || events.length === 0 };
  }
}

@QueryHandler(ListQuarantines)
export class ListQuarantinesHandler implements IQueryHandler<ListQuarantines> {
  constructor(private readonly reads: ReadSide) {}

  execute({ input }: ListQuarantines): Promise<Page<Quarantine>> {
    return this.reads.scan(quarantinesPage, input);
  }
}

@QueryHandler(GetQuarantine)
export class GetQuarantineHandler implements IQueryHandler<GetQuarantine> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ id }: GetQuarantine): Promise<Quarantine> {
    return this.reads.point(quarantineById, id);
  }
}

export const quarantineHandlers = [
  ImposeQuarantineHandler,
  LiftQuarantineHandler,
  ListQuarantinesHandler,
  GetQuarantineHandler,
];

/** The source that is meant, checked. */
function sourceOf({ session_id, agent, key, from, to, correlation_id }: QuarantineRequest): QuarantineSource {
  const source: QuarantineSource = {
    ...(session_id !== undefined && { session_id }),
    ...(agent !== undefined && { actor: actorOf(agent) }),
    ...(key !== undefined && { key }),
    ...(from !== undefined && { from: isoTime(from, 'from') }),
    ...(to !== undefined && { to: isoTime(to, 'to') }),
    ...(correlation_id !== undefined && { correlation_id }),
  };
  if (Object.keys(source).length === 0)
    throw invalid('source', 'must be at least one of session_id, agent, key, from, to and correlation_id');
  if (source.from !== undefined && source.to !== undefined && source.from > source.to)
    throw invalid('to', 'is before from');
  return source;
}

/** An agent by its id; whatever has a colon, and `system` and `anonymous`, is an actor's name already. */
const actorOf = (agent: string): string =>
  agent.includes(':') || ['system', 'anonymous', 'user'].includes(agent) ? agent : `agent:${agent}`;
