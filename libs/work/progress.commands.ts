import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { decideStep, SqliteAuditLog, type Decision, type Written } from '#audit-log';
import type { Caller, Json, JsonObject } from '#kernel';
import { ReadSide } from '#storage';
import { progress } from './progress.decider.js';
import { checkpointAt, taskStateAt, type Checkpoint, type TaskStateEntry } from './progress.reads.js';
import { taskAt } from './task.reads.js';

export class WriteCheckpoint {
  constructor(
    readonly by: Caller,
    readonly input: { task_id: string; iteration: number; state: JsonObject },
  ) {}
}

export class SetTaskState {
  constructor(
    readonly by: Caller,
    readonly input: { task_id: string; key: string; value: Json },
  ) {}
}

@CommandHandler(WriteCheckpoint)
export class WriteCheckpointHandler implements ICommandHandler<WriteCheckpoint> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, input }: WriteCheckpoint): Promise<Written<Checkpoint>> {
    // A task that is there stays there, so it may be looked at before the transaction.
    const { session_id } = this.reads.point(taskAt, input);
    const step = decideStep(progress, { type: 'WriteCheckpoint', session_id, ...input }, { expected: by.if_match });
    const { results, replayed } = await this.log.execute({ caller: by, steps: [step] });
    const { version, position } = results[0] as Decision;
    const value = this.reads.point(checkpointAt, { ...input, as_of: position });
    return { value, version, position, repeated: replayed };
  }
}

@CommandHandler(SetTaskState)
export class SetTaskStateHandler implements ICommandHandler<SetTaskState> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, input }: SetTaskState): Promise<Written<TaskStateEntry>> {
    const { session_id } = this.reads.point(taskAt, input);
    const step = decideStep(progress, { type: 'SetTaskState', session_id, ...input }, { expected: by.if_match });
    const { results, replayed } = await this.log.execute({ caller: by, steps: [step] });
    const { version, position } = results[0] as Decision;
    const value = this.reads.point(taskStateAt, { ...input, as_of: position });
    return { value, version, position, repeated: replayed };
  }
}

export const progressCommandHandlers = [WriteCheckpointHandler, SetTaskStateHandler];
