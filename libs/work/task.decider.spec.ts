import { describe, it, expect } from '@jest/globals';
import { NOW, specify } from '../../test/support/given.js';
import { task, type TaskCommand } from './task.decider.js';
import type { TaskEvent, TaskSubmitted } from './task.events.js';

const { given } = specify(task);
const task_id = 't1';

const data: TaskSubmitted['data'] = {
  task_id,
  prompt: 'Write it down',
  agent_type: 'writer',
  priority: 5,
  input_data: {},
  max_retries: 1,
  max_execution_timeout_seconds: 60,
  parent_task_id: null,
  dependencies: [],
  session_id: 's1',
  procedure: null,
  outcome_namespace: null,
};
const timeout_at = '2026-01-02T03:05:05.678Z';
const submitted: TaskEvent = { type: 'TaskSubmitted', data };
const started: TaskEvent = { type: 'TaskStarted', data: { task_id, agent_id: 'a1', timeout_at } };
const completed: TaskEvent = { type: 'TaskCompleted', data: { task_id, result_data: { pages: 2 } } };
const retried: TaskEvent = {
  type: 'TaskRetried',
  data: { task_id, reason: 'failed', error_message: 'no ink', retry_count: 1 },
};
const failed: TaskEvent = { type: 'TaskFailed', data: { task_id, reason: 'failed', error_message: 'no ink' } };
const cancelled: TaskEvent = { type: 'TaskCancelled', data: { task_id, error_message: null } };

const submit = (changes: Partial<TaskSubmitted['data']> = {}): TaskCommand => ({
  type: 'SubmitTask',
  ...data,
  ...changes,
});
const start = (agent_id: string | null = 'a1', open_dependencies = 0): TaskCommand => ({
  type: 'StartTask',
  task_id,
  agent_id,
  open_dependencies,
});
const complete = (agent_id?: string): TaskCommand => ({
  type: 'CompleteTask',
  task_id,
  agent_id,
  result_data: { pages: 2 },
});
const fail = (retry = true): TaskCommand => ({ type: 'FailTask', task_id, error_message: 'no ink', retry });
const cancel: TaskCommand = { type: 'CancelTask', task_id, error_message: null };
const timeOut: TaskCommand = { type: 'TimeOutTask', task_id, timeout_at };

describe('A task', () => {
  it('R-T1 is submitted once', () => {
    given()
      .when(submit())
      .then({ type: 'TaskSubmitted', data, about: { task_id, session_id: 's1' } });
    given(submitted).when(submit()).thenFails('conflict', 'task-exists');
  });

  it('R-T1 waits for no task twice removed from itself: not for itself, and not as a part of itself', () => {
    given()
      .when(submit({ dependencies: ['t0', task_id] }))
      .thenFails('invalid', 'invalid-request');
    given()
      .when(submit({ parent_task_id: task_id }))
      .thenFails('invalid', 'invalid-request');
  });

  it('R-T2 is started by one, who has it until its time is up', () => {
    given(submitted)
      .when(start())
      .then({
        type: 'TaskStarted',
        data: { task_id, agent_id: 'a1', timeout_at: '2026-01-02T03:05:05.678Z' },
        about: { task_id, session_id: 's1', agent_id: 'a1' },
      });
    expect(NOW < timeout_at).toBe(true);
    given(submitted, started).when(start('a2')).thenFails('conflict', 'illegal-transition');
  });

  it('R-T1 does not start while it waits for others', () => {
    given(submitted).when(start('a1', 2)).thenFails('conflict', 'dependencies-open');
  });

  it('R-T1 ends well, badly, or not at all', () => {
    given(submitted, started).when(complete()).then(completed);
    given(submitted, started).when(cancel).then(cancelled);
    given(submitted).when(cancel).then(cancelled);
  });

  it('R-T1 is tried again after a failure as often as it may be, and then fails for good', () => {
    given(submitted, started).when(fail()).then(retried);
    given(submitted, started, retried, started).when(fail()).then(failed);
    given(submitted, started).when(fail(false)).then(failed);
  });

  it.each<[string, TaskEvent[], TaskCommand[]]>([
    ['pending', [submitted], [complete(), fail()]],
    ['waiting to be tried again', [submitted, started, retried], [complete(), fail()]],
    ['completed', [submitted, started, completed], [start(), fail(), cancel]],
    ['failed', [submitted, started, failed], [start(), complete(), cancel]],
    ['cancelled', [submitted, cancelled], [start(), complete(), fail()]],
  ])('R-T2 that is %s goes nowhere else', (_, events, commands) => {
    for (const command of commands) {
      given(...events)
        .when(command)
        .thenFails('conflict', 'illegal-transition');
    }
  });

  it('R-T2 is ended by whoever has it, and by nobody whom it was taken from', () => {
    given(submitted, started).when(complete('a1')).then(completed);
    given(submitted, started).when(complete('a2')).thenFails('conflict', 'task-of-another');
  });

  it('R-T2 that has run out of time is tried again, then fails', () => {
    const late = { time: timeout_at };
    given(submitted, started)
      .when(timeOut, late)
      .then({ type: 'TaskRetried', data: { reason: 'timed_out', retry_count: 1 } });
    given(submitted, started, retried, started)
      .when(timeOut, late)
      .then({ type: 'TaskFailed', data: { reason: 'timed_out' } });
  });

  it('R-T2 does not run out of time before its time, after its end, or in another attempt', () => {
    given(submitted, started).when(timeOut, { time: NOW }).thenNothing();
    given(submitted, started, completed).when(timeOut, { time: timeout_at }).thenNothing();
    const again: TaskEvent = { ...started, data: { ...started.data, timeout_at: '2026-01-02T04:00:00.000Z' } };
    given(submitted, started, retried, again).when(timeOut, { time: '2026-01-02T05:00:00.000Z' }).thenNothing();
  });

  it.each<[string, TaskEvent[], TaskCommand]>([
    ['start', [submitted], start()],
    ['completion', [submitted, started], complete()],
    ['failure', [submitted, started, retried, started], fail()],
    ['cancellation', [submitted], cancel],
  ])('does nothing at the same %s again', (_, events, command) => {
    expect(
      given(...events)
        .when(command)
        .again(),
    ).toEqual([]);
  });

  it('R-T2 does not take another result for the one it has', () => {
    given(submitted, started, completed)
      .when({ type: 'CompleteTask', task_id, result_data: { pages: 3 } })
      .thenFails('conflict', 'illegal-transition');
  });

  it.each([start(), complete(), fail(), cancel, timeOut])('R-T1 that is not there: $type', (command) => {
    given().when(command).thenFails('not-found', 'task-not-found');
  });
});
