import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { chooseStep, decideStep, SqliteAuditLog, type Decision, type Step, type Written } from '#audit-log';
import { streamName, type Caller, type JsonObject } from '#kernel';
import { ReadSide } from '#storage';
import { task, taskOf, taskStream, type TaskCommand } from './task.decider.js';
import type { ProcedureRef, TaskSubmitted } from './task.events.js';
import { nextTask, startOf, taskAt, type ClaimInput, type Task } from './task.reads.js';

export class SubmitTask {
  constructor(
    readonly by: Caller,
    readonly input: TaskSubmitted['data'] & { actor?: string },
  ) {}
}

export class ClaimTask {
  constructor(
    readonly by: Caller,
    readonly input: ClaimInput,
  ) {}
}

/** How a task goes on, as whoever has it says. */
export type TaskChange =
  | { status: 'running'; agent_id?: string }
  | { status: 'completed'; agent_id?: string; result_data: JsonObject | null; procedure?: ProcedureRef }
  | {
      status: 'failed';
      agent_id?: string;
      error_message: string | null;
      /** Whether it may be tried again. */
      retry: boolean;
      procedure?: ProcedureRef;
    }
  | { status: 'cancelled'; agent_id?: string; error_message: string | null };

export class ChangeTaskStatus {
  constructor(
    readonly by: Caller,
    readonly task_id: string,
    readonly change: TaskChange,
  ) {}
}

@CommandHandler(SubmitTask)
export class SubmitTaskHandler implements ICommandHandler<SubmitTask> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, input }: SubmitTask): Promise<Written<Task>> {
    const step = decideStep(task, { type: 'SubmitTask', ...input }, { expected: by.if_match, requires: needed(input) });
    const { results, replayed } = await this.log.execute({ caller: by, steps: [step] });
    return asOfWrite(this.reads, results[0] as Decision, replayed);
  }
}

@CommandHandler(ClaimTask)
export class ClaimTaskHandler implements ICommandHandler<ClaimTask> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  /** The task that the caller has now; `null` when there is none to be had. */
  async execute({ by, input }: ClaimTask): Promise<Written<Task> | null> {
    const step = chooseStep(task, nextTask, { ...input, visible: by.visible });
    const { results, replayed } = await this.log.execute({ caller: by, steps: [step] });
    const decision = results[0] as Decision | null;
    return decision && asOfWrite(this.reads, decision, replayed);
  }
}

@CommandHandler(ChangeTaskStatus)
export class ChangeTaskStatusHandler implements ICommandHandler<ChangeTaskStatus> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, task_id, change }: ChangeTaskStatus): Promise<Written<Task>> {
    const { results, replayed } = await this.log.execute({ caller: by, steps: [stepOf(task_id, change, by.if_match)] });
    return asOfWrite(this.reads, results[0] as Decision, replayed);
  }
}

/** What a task refers to has to be there. Whether it refers to itself is for the rules to say. */
const needed = ({ task_id, session_id, parent_task_id, dependencies }: TaskSubmitted['data']): string[] => [
  ...(session_id === null ? [] : [streamName('session', session_id)]),
  ...[...(parent_task_id === null ? [] : [parent_task_id]), ...dependencies]
    .filter((id) => id !== task_id)
    .map(taskStream),
];

function stepOf(task_id: string, change: TaskChange, expected: number | undefined): Step {
  // Whether it may start is up to other tasks, so it is looked at in the transaction.
  if (change.status === 'running')
    return chooseStep(task, startOf, { task_id, agent_id: change.agent_id ?? null }, { expected });
  const { status, ...ending } = change;
  const type = { completed: 'CompleteTask', failed: 'FailTask', cancelled: 'CancelTask' }[status];
  return decideStep(task, { type, task_id, ...ending } as TaskCommand, { expected });
}

/** The task as of the write that is being answered, also when the answer is given again later. */
function asOfWrite(reads: ReadSide, { stream, version, position }: Decision, repeated: boolean): Written<Task> {
  return { value: reads.point(taskAt, { task_id: taskOf(stream), as_of: position }), version, position, repeated };
}

export const taskCommandHandlers = [SubmitTaskHandler, ClaimTaskHandler, ChangeTaskStatusHandler];
