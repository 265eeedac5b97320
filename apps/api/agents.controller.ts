import { randomUUID } from 'node:crypto';
import { Body, Controller, Get, HttpCode, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Written } from '#audit-log';
import { identifier, type Caller, type Page } from '#kernel';
import type { Agent } from '#work';
import { ChangeAgentState, GetAgent, ListAgents, RegisterAgent } from '#work/module';
import {
  AgentBody,
  AgentPage,
  ChangeAgentStateBody,
  GetAgentQuery,
  ListAgentsQuery,
  RegisterAgentBody,
} from './agents.dto.js';
import { By } from './http/caller.js';
import { answerRead, answerWrite } from './http/written.js';

@ApiTags('Agents')
@Controller('v1/agents')
export class AgentsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  /** Registers an agent. */
  @Post()
  @HttpCode(201)
  async register(
    @By() by: Caller,
    @Body() body: RegisterAgentBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AgentBody> {
    const { agent_id = randomUUID(), name, state } = body;
    const { specialization = null, model = null, task_id = null, session_id = null, resource_usage = {} } = body;
    const input = {
      agent_id: identifier(agent_id, 'agent_id'),
      name,
      specialization,
      model,
      state,
      task_id: task_id === null ? null : identifier(task_id, 'task_id'),
      session_id: session_id === null ? null : identifier(session_id, 'session_id'),
      resource_usage,
    };
    const written: Written<Agent> = await this.commands.execute(new RegisterAgent(by, input));
    return answerWrite(reply, written, 201);
  }

  /** Agents by filter, newest first. */
  @Get()
  async list(@By() by: Caller, @Query() query: ListAgentsQuery): Promise<AgentPage> {
    const page: Page<Agent> = await this.queries.execute(new ListAgents(by, query));
    return page;
  }

  /** An agent now, or as it was at a moment. */
  @Get(':id')
  async get(
    @By() by: Caller,
    @Param('id') id: string,
    @Query() query: GetAgentQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AgentBody | undefined> {
    const agent: Agent = await this.queries.execute(new GetAgent(by, { ...query, agent_id: identifier(id, 'id') }));
    return answerRead(request, reply, `"${agent.version}"`, agent);
  }

  /** Says what an agent is about: its state, and if it changes, its task and what it has used. */
  @Put(':id/state')
  async changeState(
    @By() by: Caller,
    @Param('id') id: string,
    @Body() body: ChangeAgentStateBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AgentBody> {
    if (typeof body.task_id === 'string') identifier(body.task_id, 'task_id');
    const written: Written<Agent> = await this.commands.execute(new ChangeAgentState(by, identifier(id, 'id'), body));
    return answerWrite(reply, written);
  }
}
