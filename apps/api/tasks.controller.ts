import { randomUUID } from 'node:crypto';
import { Body, Controller, Get, HttpCode, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Written } from '#audit-log';
import { conflict, DomainError, identifier, invalid, memoryKey, namespace, type Caller, type Page } from '#kernel';
import { GetMemory } from '#memories/module';
import type { Checkpoint, ProcedureRef, Task, TaskStateEntry } from '#work';
import {
  ChangeTaskStatus,
  ClaimTask,
  GetCheckpoint,
  GetTask,
  GetTaskState,
  ListCheckpoints,
  ListTasks,
  ListTaskState,
  SetTaskState,
  SubmitTask,
  WriteCheckpoint,
  type TaskChange,
} from '#work/module';
import { By } from './http/caller.js';
import { answerRead, answerWrite } from './http/written.js';
import {
  ChangeTaskStatusBody,
  CheckpointBody,
  CheckpointPage,
  ClaimTaskBody,
  GetTaskQuery,
  ListProgressQuery,
  ListTasksQuery,
  SetTaskStateBody,
  SubmitTaskBody,
  TaskBody,
  TaskPage,
  TaskStateBody,
  TaskStatePage,
  WriteCheckpointBody,
} from './tasks.dto.js';

@ApiTags('Tasks')
@Controller('v1/tasks')
export class TasksController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  /** Submits a task, which waits to be claimed. */
  @Post()
  @HttpCode(201)
  async submit(
    @By() by: Caller,
    @Body() body: SubmitTaskBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TaskBody> {
    const { created_by, outcome_namespace, ...given } = body;
    const input = {
      ...given,
      task_id: identifier(body.task_id ?? randomUUID(), 'task_id'),
      agent_type: identifier(body.agent_type, 'agent_type'),
      input_data: body.input_data ?? {},
      dependencies: (body.dependencies ?? []).map((id, index) => identifier(id, `dependencies[${index}]`)),
      parent_task_id: referred(body.parent_task_id, 'parent_task_id'),
      session_id: referred(body.session_id, 'session_id'),
      procedure: (await this.procedure(by, body.procedure)) ?? null,
      outcome_namespace: outcome_namespace === undefined ? null : namespace(outcome_namespace, 'outcome_namespace'),
      ...(created_by === undefined ? {} : { actor: identifier(created_by, 'created_by') }),
    };
    refuseTwins(input.dependencies);
    const written: Written<Task> = await this.commands.execute(new SubmitTask(by, input));
    return answerWrite(reply, written, 201);
  }

  /** Tasks by filter, newest first. */
  @Get()
  async list(@By() by: Caller, @Query() query: ListTasksQuery): Promise<TaskPage> {
    const page: Page<Task> = await this.queries.execute(new ListTasks(by, query));
    return page;
  }

  /** Gives the caller the next task: the highest priority, then the oldest, never one that waits for others. */
  @Post('claim')
  @HttpCode(200)
  @ApiOkResponse({ type: TaskBody })
  @ApiNoContentResponse({ description: 'There is nothing to do.' })
  async claim(
    @By() by: Caller,
    @Body() { agent_type, agent_id }: ClaimTaskBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TaskBody | undefined> {
    if (by.if_match !== undefined)
      throw invalid('If-Match', 'is about one task, but which one is given is not known yet', 'Claim without it.');
    const input = { agent_type, agent_id: identifier(agent_id, 'agent_id') };
    const written: Written<Task> | null = await this.commands.execute(new ClaimTask(by, input));
    if (written !== null) return answerWrite(reply, written);
    reply.status(204);
    return undefined;
  }

  /** A task now, or as it was at a moment. */
  @Get(':id')
  async get(
    @By() by: Caller,
    @Param('id') id: string,
    @Query() query: GetTaskQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TaskBody | undefined> {
    const task: Task = await this.queries.execute(new GetTask(by, { ...query, task_id: identifier(id, 'id') }));
    // A task that it waits for may have been completed, without a new version of this one.
    const { version, open_dependencies: open } = task;
    return answerRead(request, reply, open === 0 ? `"${version}"` : `"${version}-${open}"`, task);
  }

  /** Moves a task along pending → running → completed, failed or cancelled, and nowhere back. */
  @Put(':id/status')
  async changeStatus(
    @By() by: Caller,
    @Param('id') id: string,
    @Body() body: ChangeTaskStatusBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TaskBody> {
    const task_id = identifier(id, 'id');
    const change = toChange(body, await this.procedure(by, body.procedure));
    if (change === 'backwards') throw await this.backwards(by, task_id);
    const written: Written<Task> = await this.commands.execute(new ChangeTaskStatus(by, task_id, change));
    return answerWrite(reply, written);
  }

  /** What a task keeps, by key in order. */
  @Get(':id/state')
  async listState(
    @By() by: Caller,
    @Param('id') id: string,
    @Query() query: ListProgressQuery,
  ): Promise<TaskStatePage> {
    const page: Page<TaskStateEntry> = await this.queries.execute(
      new ListTaskState(by, { ...query, task_id: identifier(id, 'id') }),
    );
    return page;
  }

  /** One value that a task keeps, now or as it was at a moment. */
  @Get(':id/state/:key')
  async getState(
    @By() by: Caller,
    @Param('id') id: string,
    @Param('key') key: string,
    @Query() query: GetTaskQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TaskStateBody | undefined> {
    const entry: TaskStateEntry = await this.queries.execute(
      new GetTaskState(by, { ...query, task_id: identifier(id, 'id'), key: memoryKey(key) }),
    );
    return answerRead(request, reply, `"${entry.version}"`, entry);
  }

  /** Keeps a value for a task; it takes the place of the one before. */
  @Put(':id/state/:key')
  async setState(
    @By() by: Caller,
    @Param('id') id: string,
    @Param('key') key: string,
    @Body() { value }: SetTaskStateBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TaskStateBody> {
    const input = { task_id: identifier(id, 'id'), key: memoryKey(key), value };
    const written: Written<TaskStateEntry> = await this.commands.execute(new SetTaskState(by, input));
    return answerWrite(reply, written);
  }

  /** The checkpoints of a task, newest iteration first. */
  @Get(':id/checkpoints')
  async listCheckpoints(
    @By() by: Caller,
    @Param('id') id: string,
    @Query() query: ListProgressQuery,
  ): Promise<CheckpointPage> {
    const page: Page<Checkpoint> = await this.queries.execute(
      new ListCheckpoints(by, { ...query, task_id: identifier(id, 'id') }),
    );
    return page;
  }

  /** The checkpoint of an iteration, now or as it was at a moment. */
  @Get(':id/checkpoints/:iteration')
  async getCheckpoint(
    @By() by: Caller,
    @Param('id') id: string,
    @Param('iteration') iteration: string,
    @Query() query: GetTaskQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CheckpointBody | undefined> {
    const input = { ...query, task_id: identifier(id, 'id'), iteration: iterationOf(iteration) };
    const checkpoint: Checkpoint = await this.queries.execute(new GetCheckpoint(by, input));
    return answerRead(request, reply, `"${checkpoint.version}"`, checkpoint);
  }

  /** Writes the checkpoint of an iteration: a new one, or a new version of it. */
  @Put(':id/checkpoints/:iteration')
  @ApiOkResponse({ type: CheckpointBody })
  @ApiCreatedResponse({ type: CheckpointBody, description: 'It is new.' })
  async writeCheckpoint(
    @By() by: Caller,
    @Param('id') id: string,
    @Param('iteration') iteration: string,
    @Body() { state }: WriteCheckpointBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CheckpointBody> {
    const input = { task_id: identifier(id, 'id'), iteration: iterationOf(iteration), state };
    const written: Written<Checkpoint> = await this.commands.execute(new WriteCheckpoint(by, input));
    return answerWrite(reply, written, written.version === 1 ? 201 : 200);
  }

  private async backwards(by: Caller, task_id: string): Promise<DomainError> {
    const { status }: Task = await this.queries.execute(new GetTask(by, { task_id }));
    return conflict(
      'illegal-transition',
      `Task ${task_id} is ${status} and cannot be sent to pending.`,
      'One that failed with retries left goes back by itself.',
    );
  }

  /** A procedure that a task names has to be there, in that version. */
  private async procedure(by: Caller, given: ProcedureRef | undefined): Promise<ProcedureRef | undefined> {
    if (given === undefined) return undefined;
    const { version } = given;
    const address = {
      namespace: namespace(given.namespace, 'procedure.namespace'),
      key: memoryKey(given.key, 'procedure.key'),
    };
    try {
      await this.queries.execute(new GetMemory(by, { ...address, version }));
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'not-found')
        throw conflict(
          'unknown-procedure',
          `There is no ${address.namespace}/${address.key} version ${version} to go by.`,
        );
      throw error;
    }
    return { ...address, version };
  }
}

const referred = (id: string | null | undefined, field: string): string | null =>
  id === null || id === undefined ? null : identifier(id, field);

function refuseTwins(dependencies: string[]): void {
  const twin = dependencies.find((id, index) => dependencies.indexOf(id) < index);
  if (twin !== undefined) throw invalid('dependencies', `names ${twin} twice`);
}

/** The largest iteration: well below what a number can count. */
const MAX_ITERATION = 1_000_000_000;

function iterationOf(text: string): number {
  const iteration = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(iteration <= MAX_ITERATION)) throw invalid('iteration', `must be a whole number from 0 to ${MAX_ITERATION}`);
  return iteration;
}

/** What belongs to one status is refused with another: nothing that was sent is dropped. */
const FIELDS: Record<TaskBody['status'], (keyof ChangeTaskStatusBody)[]> = {
  pending: [],
  running: ['agent_id'],
  completed: ['agent_id', 'result_data', 'procedure'],
  failed: ['agent_id', 'error_message', 'retry', 'procedure'],
  cancelled: ['agent_id', 'error_message'],
};

function toChange(body: ChangeTaskStatusBody, procedure: ProcedureRef | undefined): TaskChange | 'backwards' {
  const { status, result_data = null, error_message = null, retry = true } = body;
  const foreign = (Object.keys(body) as (keyof ChangeTaskStatusBody)[]).find(
    (field) => field !== 'status' && body[field] !== undefined && !FIELDS[status].includes(field),
  );
  if (foreign !== undefined) throw invalid(foreign, `does not go with status ${status}`);
  const agent_id = body.agent_id === undefined ? undefined : identifier(body.agent_id, 'agent_id');
  switch (status) {
    case 'pending':
      return 'backwards';
    case 'running':
      return { status, agent_id };
    case 'completed':
      return { status, agent_id, result_data, procedure };
    case 'failed':
      return { status, agent_id, error_message, retry, procedure };
    case 'cancelled':
      return { status, agent_id, error_message };
  }
}
