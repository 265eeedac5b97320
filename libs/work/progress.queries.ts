import { QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { resolveAsOf } from '#audit-log';
import type { Caller, Page } from '#kernel';
import { ReadSide } from '#storage';
import {
  checkpointAt,
  checkpointsPage,
  taskStateAt,
  taskStatePage,
  type Checkpoint,
  type ProgressPageInput,
  type TaskStateEntry,
} from './progress.reads.js';

/** A read's input as a client spells it: `as_of` may be a time or a position. */
type AsOf<Input> = Omit<Input, 'as_of'> & { as_of?: string };

export class GetCheckpoint {
  constructor(
    readonly by: Caller,
    readonly input: { task_id: string; iteration: number; as_of?: string },
  ) {}
}

export class ListCheckpoints {
  constructor(
    readonly by: Caller,
    readonly input: AsOf<ProgressPageInput>,
  ) {}
}

export class GetTaskState {
  constructor(
    readonly by: Caller,
    readonly input: { task_id: string; key: string; as_of?: string },
  ) {}
}

export class ListTaskState {
  constructor(
    readonly by: Caller,
    readonly input: AsOf<ProgressPageInput>,
  ) {}
}

@QueryHandler(GetCheckpoint)
export class GetCheckpointHandler implements IQueryHandler<GetCheckpoint> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: GetCheckpoint): Promise<Checkpoint> {
    return this.reads.point(checkpointAt, { ...input, as_of: resolveAsOf(this.reads, input.as_of, by.time) });
  }
}

@QueryHandler(ListCheckpoints)
export class ListCheckpointsHandler implements IQueryHandler<ListCheckpoints> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: ListCheckpoints): Promise<Page<Checkpoint>> {
    return this.reads.scan(checkpointsPage, { ...input, as_of: resolveAsOf(this.reads, input.as_of, by.time) });
  }
}

@QueryHandler(GetTaskState)
export class GetTaskStateHandler implements IQueryHandler<GetTaskState> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: GetTaskState): Promise<TaskStateEntry> {
    return this.reads.point(taskStateAt, { ...input, as_of: resolveAsOf(this.reads, input.as_of, by.time) });
  }
}

@QueryHandler(ListTaskState)
export class ListTaskStateHandler implements IQueryHandler<ListTaskState> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: ListTaskState): Promise<Page<TaskStateEntry>> {
    return this.reads.scan(taskStatePage, { ...input, as_of: resolveAsOf(this.reads, input.as_of, by.time) });
  }
}

export const progressQueryHandlers = [
  GetCheckpointHandler,
  ListCheckpointsHandler,
  GetTaskStateHandler,
  ListTaskStateHandler,
];
