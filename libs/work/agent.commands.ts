import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { decideStep, SqliteAuditLog, type Decision, type Written } from '#audit-log';
import { streamName, type Caller, type JsonObject } from '#kernel';
import { ReadSide } from '#storage';
import { agent, agentOf, type AgentCommand } from './agent.decider.js';
import type { AgentRegistered, AgentState } from './agent.events.js';
import { agentAt, type Agent } from './agent.reads.js';
import { taskStream } from './task.decider.js';

export class RegisterAgent {
  constructor(
    readonly by: Caller,
    readonly input: AgentRegistered['data'],
  ) {}
}

export class ChangeAgentState {
  constructor(
    readonly by: Caller,
    readonly agent_id: string,
    readonly input: { state: AgentState; task_id?: string | null; resource_usage?: JsonObject },
  ) {}
}

@CommandHandler(RegisterAgent)
export class RegisterAgentHandler implements ICommandHandler<RegisterAgent> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, input }: RegisterAgent): Promise<Written<Agent>> {
    return settle(this.log, this.reads, by, { type: 'RegisterAgent', ...input }, [
      ...taskOf(input.task_id),
      ...(input.session_id === null ? [] : [streamName('session', input.session_id)]),
    ]);
  }
}

@CommandHandler(ChangeAgentState)
export class ChangeAgentStateHandler implements ICommandHandler<ChangeAgentState> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, agent_id, input }: ChangeAgentState): Promise<Written<Agent>> {
    const command: AgentCommand = { type: 'ChangeAgentState', agent_id, ...input };
    return settle(this.log, this.reads, by, command, taskOf(input.task_id));
  }
}

/** The agent as of the write that is being answered, also when the answer is given again later. */
async function settle(
  log: SqliteAuditLog,
  reads: ReadSide,
  by: Caller,
  command: AgentCommand,
  requires: string[],
): Promise<Written<Agent>> {
  const step = decideStep(agent, command, { expected: by.if_match, requires });
  const { results, replayed } = await log.execute({ caller: by, steps: [step] });
  const { stream, version, position } = results[0] as Decision;
  const value = reads.point(agentAt, { agent_id: agentOf(stream), as_of: position });
  return { value, version, position, repeated: replayed };
}

const taskOf = (taskId: string | null | undefined): string[] =>
  taskId === null || taskId === undefined ? [] : [taskStream(taskId)];

export const agentCommandHandlers = [RegisterAgentHandler, ChangeAgentStateHandler];
