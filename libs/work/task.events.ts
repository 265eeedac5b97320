import type { DomainEvent, EventCatalog, JsonObject } from '#kernel';

export const TASK_STATUSES = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

/** The version of a procedural memory that a task goes by. */
export interface ProcedureRef {
  namespace: string;
  key: string;
  version: number;
}

export type TaskSubmitted = DomainEvent<
  'TaskSubmitted',
  {
    task_id: string;
    prompt: string;
    agent_type: string;
    /** 1 goes first, 10 last. */
    priority: number;
    input_data: JsonObject;
    /** How often it is put back after a failure. */
    max_retries: number;
    /** How long it may run from each start until it counts as stale. */
    max_execution_timeout_seconds: number;
    parent_task_id: string | null;
    /** Tasks that must be completed before this one can start. */
    dependencies: string[];
    session_id: string | null;
    procedure: ProcedureRef | null;
    /** Where its outcome is to be remembered; `null`: where that is usual. */
    outcome_namespace: string | null;
  }
>;

export type TaskStarted = DomainEvent<
  'TaskStarted',
  {
    task_id: string;
    agent_id: string | null;
    /** ISO-8601 UTC: when it is stale if nothing comes before. */
    timeout_at: string;
  }
>;

export type TaskCompleted = DomainEvent<
  'TaskCompleted',
  { task_id: string; result_data: JsonObject | null; procedure?: ProcedureRef }
>;

/** Why an attempt ended without a result. */
export type FailureReason = 'failed' | 'timed_out';

/** An attempt failed, and the task waits for the next one. */
export type TaskRetried = DomainEvent<
  'TaskRetried',
  { task_id: string; reason: FailureReason; error_message: string | null; retry_count: number }
>;

/** It failed for good. */
export type TaskFailed = DomainEvent<
  'TaskFailed',
  { task_id: string; reason: FailureReason; error_message: string | null; procedure?: ProcedureRef }
>;

export type TaskCancelled = DomainEvent<'TaskCancelled', { task_id: string; error_message: string | null }>;

export type TaskEvent = TaskSubmitted | TaskStarted | TaskCompleted | TaskRetried | TaskFailed | TaskCancelled;

export const taskCatalog: Record<TaskEvent['type'], EventCatalog[string]> = {
  TaskSubmitted: { version: 1 },
  TaskStarted: { version: 1 },
  TaskCompleted: { version: 1 },
  TaskRetried: { version: 1 },
  TaskFailed: { version: 1 },
  TaskCancelled: { version: 1 },
};
