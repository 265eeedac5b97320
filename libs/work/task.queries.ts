import { QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { resolveAsOf } from '#audit-log';
import type { Caller, Page } from '#kernel';
import { ReadSide } from '#storage';
import { taskAt, tasksPage, type Task, type TaskInput, type TasksInput } from './task.reads.js';

/** A read's input as a client spells it: `as_of` may be a time or a position. */
type AsOf<Input> = Omit<Input, 'as_of'> & { as_of?: string };

export class GetTask {
  constructor(
    readonly by: Caller,
    readonly input: AsOf<TaskInput>,
  ) {}
}

export class ListTasks {
  constructor(
    readonly by: Caller,
    readonly input: AsOf<TasksInput>,
  ) {}
}

@QueryHandler(GetTask)
export class GetTaskHandler implements IQueryHandler<GetTask> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: GetTask): Promise<Task> {
    return this.reads.point(taskAt, { ...input, as_of: resolveAsOf(this.reads, input.as_of, by.time) });
  }
}

@QueryHandler(ListTasks)
export class ListTasksHandler implements IQueryHandler<ListTasks> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: ListTasks): Promise<Page<Task>> {
    return this.reads.scan(tasksPage, {
      ...input,
      visible: by.visible,
      as_of: resolveAsOf(this.reads, input.as_of, by.time),
    });
  }
}

export const taskQueryHandlers = [GetTaskHandler, ListTasksHandler];
