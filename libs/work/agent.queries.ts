import { QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { resolveAsOf } from '#audit-log';
import type { Caller, Page } from '#kernel';
import { ReadSide } from '#storage';
import { agentAt, agentsPage, type Agent, type AgentsInput } from './agent.reads.js';

export class GetAgent {
  constructor(
    readonly by: Caller,
    readonly input: { agent_id: string; as_of?: string },
  ) {}
}

export class ListAgents {
  constructor(
    readonly by: Caller,
    readonly input: AgentsInput,
  ) {}
}

@QueryHandler(GetAgent)
export class GetAgentHandler implements IQueryHandler<GetAgent> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: GetAgent): Promise<Agent> {
    return this.reads.point(agentAt, { ...input, as_of: resolveAsOf(this.reads, input.as_of, by.time) });
  }
}

@QueryHandler(ListAgents)
export class ListAgentsHandler implements IQueryHandler<ListAgents> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: ListAgents): Promise<Page<Agent>> {
    return this.reads.scan(agentsPage, { ...input, visible: by.visible });
  }
}

export const agentQueryHandlers = [GetAgentHandler, ListAgentsHandler];
