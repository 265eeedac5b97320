import { canonicalJson, conflict, invalid, notFound, streamName, type Decider, type JsonObject } from '#kernel';
import type { FailureReason, ProcedureRef, TaskEvent, TaskStatus, TaskSubmitted } from './task.events.js';

export type TaskCommand =
  | ({ type: 'SubmitTask'; actor?: string } & TaskSubmitted['data'])
  /** Whoever says this has looked how many dependencies are open, in the same transaction. */
  | { type: 'StartTask'; task_id: string; agent_id: string | null; open_dependencies: number }
  | ({ type: 'CompleteTask'; result_data: JsonObject | null; procedure?: ProcedureRef } & Ending)
  | ({ type: 'FailTask'; error_message: string | null; retry: boolean; procedure?: ProcedureRef } & Ending)
  | ({ type: 'CancelTask'; error_message: string | null } & Ending)
  /** The attempt that was to end at `timeout_at` has not ended. */
  | { type: 'TimeOutTask'; task_id: string; timeout_at: string };

interface Ending {
  task_id: string;
  /** Who says so; refused when somebody else has the task. */
  agent_id?: string;
}

export type TaskState =
  | { held: false }
  | {
      held: true;
      status: TaskStatus;
      agent_id: string | null;
      session_id: string | null;
      retry_count: number;
      max_retries: number;
      max_execution_timeout_seconds: number;
      /** Of the attempt under way. */
      timeout_at: string | null;
      /** What it ended with, to tell a repetition from a contradiction. */
      ended_with: string | null;
    };

type Held = Extract<TaskState, { held: true }>;

/** What each status can become. A failure with retries left leads back to pending: that is the task's doing, not a client's. */
const NEXT: Record<TaskStatus, TaskStatus[]> = {
  pending: ['running', 'cancelled'],
  running: ['completed', 'failed', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
};

export const taskStream = (taskId: string): string => streamName('task', taskId);

/** The task whose stream this is. */
export const taskOf = (stream: string): string => decodeURIComponent(stream.slice(stream.indexOf(':') + 1));

export const task: Decider<TaskCommand, TaskEvent, TaskState> = {
  name: 'task',
  initial: { held: false },
  stream: ({ task_id }) => taskStream(task_id),

  decide(command, state, { time }) {
    const { task_id } = command;
    if (command.type === 'SubmitTask') {
      if (state.held) throw conflict('task-exists', `Task ${task_id} exists already.`);
      const { type: _, actor, ...data } = command;
      assertApart(data);
      return [{ type: 'TaskSubmitted', actor, data, about: { task_id, session_id: data.session_id } }];
    }
    if (!state.held) throw notFound('task', task_id);
    const about = { task_id, session_id: state.session_id, agent_id: state.agent_id };
    switch (command.type) {
      case 'StartTask': {
        const { agent_id, open_dependencies } = command;
        if (state.status === 'running' && state.agent_id === agent_id) return [];
        assertCanBecome('running', task_id, state);
        if (open_dependencies > 0) {
          throw conflict(
            'dependencies-open',
            `Task ${task_id} waits for ${open_dependencies} tasks that are not completed.`,
            'Complete its dependencies first.',
          );
        }
        const timeout_at = after(time, state.max_execution_timeout_seconds);
        return [{ type: 'TaskStarted', data: { task_id, agent_id, timeout_at }, about: { ...about, agent_id } }];
      }
      case 'CompleteTask': {
        const { result_data, procedure } = command;
        if (isRepeated('completed', result_data, state)) return [];
        assertOwn(task_id, command.agent_id, state);
        assertCanBecome('completed', task_id, state);
        return [{ type: 'TaskCompleted', data: { task_id, result_data, ...(procedure && { procedure }) }, about }];
      }
      case 'FailTask': {
        const { error_message, retry, procedure } = command;
        if (isRepeated('failed', error_message, state)) return [];
        assertOwn(task_id, command.agent_id, state);
        assertCanBecome('failed', task_id, state);
        return [{ ...failed(task_id, state, 'failed', error_message, retry, procedure), about }];
      }
      case 'CancelTask': {
        const { error_message } = command;
        if (isRepeated('cancelled', error_message, state)) return [];
        assertOwn(task_id, command.agent_id, state);
        assertCanBecome('cancelled', task_id, state);
        return [{ type: 'TaskCancelled', data: { task_id, error_message }, about }];
      }
      case 'TimeOutTask': {
        const { timeout_at } = command;
        // Meanwhile it has ended, or another attempt has begun.
        if (state.status !== 'running' || state.timeout_at !== timeout_at || time < timeout_at) return [];
        const message = `It did not end within ${state.max_execution_timeout_seconds} s.`;
        return [{ ...failed(task_id, state, 'timed_out', message, true), about }];
      }
    }
  },

  evolve(state, event) {
    if (event.type === 'TaskSubmitted') {
      const { session_id, max_retries, max_execution_timeout_seconds } = event.data;
      return {
        held: true,
        status: 'pending',
        agent_id: null,
        session_id,
        retry_count: 0,
        max_retries,
        max_execution_timeout_seconds,
        timeout_at: null,
        ended_with: null,
      };
    }
    if (!state.held) return state;
    switch (event.type) {
      case 'TaskStarted': {
        const { agent_id, timeout_at } = event.data;
        return { ...state, status: 'running', agent_id, timeout_at };
      }
      case 'TaskRetried': {
        const { retry_count } = event.data;
        return { ...state, status: 'pending', agent_id: null, timeout_at: null, retry_count };
      }
      case 'TaskCompleted':
        return { ...state, status: 'completed', timeout_at: null, ended_with: canonicalJson(event.data.result_data) };
      case 'TaskFailed':
        return { ...state, status: 'failed', timeout_at: null, ended_with: canonicalJson(event.data.error_message) };
      case 'TaskCancelled':
        return { ...state, status: 'cancelled', timeout_at: null, ended_with: canonicalJson(event.data.error_message) };
    }
  },
};

/** A task waits for others, and belongs to another: never to itself. Others exist already, so no circle can close. */
function assertApart({ task_id, dependencies, parent_task_id }: TaskSubmitted['data']): void {
  if (dependencies.includes(task_id)) throw invalid('dependencies', `names ${task_id}, which is the task itself`);
  if (parent_task_id === task_id) throw invalid('parent_task_id', `is ${task_id}, which is the task itself`);
}

function failed(
  task_id: string,
  { retry_count, max_retries }: Held,
  reason: FailureReason,
  error_message: string | null,
  retry: boolean,
  procedure?: ProcedureRef,
): TaskEvent {
  if (retry && retry_count < max_retries)
    return { type: 'TaskRetried', data: { task_id, reason, error_message, retry_count: retry_count + 1 } };
  return { type: 'TaskFailed', data: { task_id, reason, error_message, ...(procedure && { procedure }) } };
}

const isRepeated = (status: TaskStatus, ending: JsonObject | string | null, state: Held): boolean =>
  state.status === status && state.ended_with === canonicalJson(ending);

function assertCanBecome(to: TaskStatus, taskId: string, { status, agent_id }: Held): void {
  if (NEXT[status].includes(to)) return;
  const allowed = NEXT[status].join(', ') || 'nothing else';
  const whose = status === 'running' && agent_id !== null ? ` by ${agent_id}` : '';
  throw conflict(
    'illegal-transition',
    `Task ${taskId} is ${status}${whose} and cannot become ${to}.`,
    `From here it can become ${allowed}.`,
  );
}

function assertOwn(taskId: string, agentId: string | undefined, { status, agent_id }: Held): void {
  if (agentId === undefined || status !== 'running' || agent_id === null || agentId === agent_id) return;
  throw conflict(
    'task-of-another',
    `Task ${taskId} is run by ${agent_id}, not by ${agentId}.`,
    'It was given to somebody else, for instance because it had timed out. Claim another one.',
  );
}

const after = (time: string, seconds: number): string => new Date(Date.parse(time) + seconds * 1000).toISOString();
