import type { DomainEvent, EventCatalog, Json, JsonObject } from '#kernel';

/** Where a task was after an iteration, so that whoever goes on need not begin again. */
export type CheckpointWritten = DomainEvent<
  'CheckpointWritten',
  {
    task_id: string;
    iteration: number;
    state: JsonObject;
    /** 1, 2, 3 … for the same iteration written again. */
    version: number;
  }
>;

/** A value that a task keeps by key. */
export type TaskStateSet = DomainEvent<
  'TaskStateSet',
  {
    task_id: string;
    key: string;
    value: Json;
    /** 1, 2, 3 … along the values of this key. */
    version: number;
  }
>;

export type ProgressEvent = CheckpointWritten | TaskStateSet;

export const progressCatalog: Record<ProgressEvent['type'], EventCatalog[string]> = {
  CheckpointWritten: { version: 1 },
  TaskStateSet: { version: 1 },
};
