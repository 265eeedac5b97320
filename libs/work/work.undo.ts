import { decideStep, type Undo, type Undoes } from '#audit-log';
import type { Json } from '#kernel';
import { sql } from '#storage';
import type { AgentEvent } from './agent.events.js';
import { progress } from './progress.decider.js';
import type { ProgressEvent } from './progress.events.js';
import { task } from './task.decider.js';
import type { TaskEvent } from './task.events.js';

/** A task that nobody has begun is cancelled; what agents have done was done, and a status does not go backwards. */
const stands: Undo<TaskEvent> = ({ data: { task_id } }, { states }) => {
  const { before, now } = states(task);
  if (before.held ? now.held && before.status === now.status : !now.held || now.status === 'cancelled')
    return { keep: 'its status is what it was before, or it is cancelled' };
  return { refuse: `task ${task_id} was begun or has ended, and does not go back`, because: [] };
};

const taskUndoes: Undoes<TaskEvent> = {
  TaskSubmitted: (event, undoing) => {
    const { task_id } = event.data;
    const { now } = undoing.states(task);
    if (!now.held || now.status !== 'pending') return stands(event, undoing);
    const because = undoing.later();
    if (because.length > 0) return { refuse: `task ${task_id} was worked on since`, because };
    const command = { type: 'CancelTask', task_id, error_message: 'What submitted it was taken back.' } as const;
    return { take: decideStep(task, command), what: 'it is cancelled' };
  },
  TaskStarted: stands,
  TaskCompleted: stands,
  TaskRetried: stands,
  TaskFailed: stands,
  TaskCancelled: stands,
};

const agentUndoes: Undoes<AgentEvent> = {
  AgentRegistered: () => ({ keep: 'that the agent was there stays known' }),
  AgentStateChanged: () => ({ keep: 'what the agent reported stays reported' }),
};

const progressUndoes: Undoes<ProgressEvent> = {
  CheckpointWritten: () => ({ keep: 'a checkpoint is what the task had come to' }),
  TaskStateSet: ({ data: { task_id, key } }, { states, later, db }) => {
    const { before, now } = states(progress);
    if (before.text === now.text) return { keep: 'it is what it was before' };
    const because = later();
    if (because.length > 0) return { refuse: `${key} of task ${task_id} was set since`, because };
    if (before.text === null) return { refuse: `${key} of task ${task_id} was not there before`, because: [] };
    const { session_id } = db.one<{ session_id: string | null }>(
      sql`SELECT session_id FROM tasks WHERE task_id = ${task_id}`,
    ) ?? { session_id: null };
    const value = JSON.parse(before.text) as Json;
    return {
      take: decideStep(progress, { type: 'SetTaskState', task_id, session_id, key, value }),
      what: 'it has its former value',
    };
  },
};

export const workUndoes: Undoes<TaskEvent | AgentEvent | ProgressEvent> = {
  ...taskUndoes,
  ...agentUndoes,
  ...progressUndoes,
};
