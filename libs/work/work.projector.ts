import { canonicalJson, type DomainEvent, type Recorded } from '#kernel';
import { projector } from '#projections';
import { sql, type Sql } from '#storage';
import type { AgentEvent } from './agent.events.js';
import type { ProgressEvent } from './progress.events.js';
import type { ProcedureRef, TaskEvent, TaskStatus } from './task.events.js';

/** A deleted session is let go of: its tasks, agents and checkpoints stay. */
type SessionDeleted = DomainEvent<'SessionDeleted', { session_id: string }>;

/** Tables `tasks`, `task_dependencies`, `agents`, `checkpoints` and `state`. */
export const workProjector = projector<TaskEvent | AgentEvent | ProgressEvent | SessionDeleted>('work', {
  mode: 'inline',
  tables: ['tasks', 'task_dependencies', 'agents', 'checkpoints', 'state'],
  on: {
    TaskSubmitted: ({ data, position, version, time, actor }) => [
      sql`INSERT INTO tasks (id, task_id, prompt, agent_type, priority, status, input_data, max_retries,
            max_execution_timeout_seconds, parent_task_id, dependencies, open_dependencies, session_id,
            procedure_namespace, procedure_key, procedure_version, outcome_namespace, created_by, submitted_at,
            last_updated_at, version, position)
          VALUES (${position}, ${data.task_id}, ${data.prompt}, ${data.agent_type}, ${data.priority}, 'pending',
            ${canonicalJson(data.input_data)}, ${data.max_retries}, ${data.max_execution_timeout_seconds},
            ${data.parent_task_id}, ${canonicalJson(data.dependencies)}, ${data.dependencies.length}, ${data.session_id},
            ${data.procedure?.namespace ?? null}, ${data.procedure?.key ?? null}, ${data.procedure?.version ?? null},
            ${data.outcome_namespace}, ${actor}, ${time}, ${time}, ${version}, ${position})`,
      ...dependencies(data.task_id, data.dependencies, position),
    ],

    TaskStarted: (event) => [
      change(
        event,
        'running',
        sql`agent_id = ${event.data.agent_id}, started_at = ${event.time}, timeout_at = ${event.data.timeout_at}`,
      ),
    ],

    TaskRetried: (event) => [
      change(
        event,
        'pending',
        sql`agent_id = NULL, started_at = NULL, timeout_at = NULL, retry_count = ${event.data.retry_count},
            error_message = ${event.data.error_message}`,
      ),
    ],

    TaskCompleted: (event) => [
      change(
        event,
        'completed',
        sql`result_data = ${event.data.result_data && canonicalJson(event.data.result_data)}, error_message = NULL,
            timeout_at = NULL, completed_at = ${event.time}`,
      ),
      ...procedureOf(event),
      // Whoever waited for it waits for one less.
      sql`UPDATE tasks SET open_dependencies = open_dependencies - 1
          WHERE task_id IN (SELECT task_id FROM task_dependencies WHERE depends_on = ${event.data.task_id})`,
    ],

    TaskFailed: (event) => [
      change(
        event,
        'failed',
        sql`error_message = ${event.data.error_message}, timeout_at = NULL, completed_at = ${event.time}`,
      ),
      ...procedureOf(event),
    ],

    TaskCancelled: (event) => [
      change(
        event,
        'cancelled',
        sql`error_message = ${event.data.error_message}, timeout_at = NULL, completed_at = ${event.time}`,
      ),
    ],

    AgentRegistered: ({ data, position, version, time }) => [
      sql`INSERT INTO agents (id, agent_id, name, specialization, task_id, state, model, resource_usage, session_id,
            spawned_at, terminated_at, last_updated_at, version, position)
          VALUES (${position}, ${data.agent_id}, ${data.name}, ${data.specialization}, ${data.task_id}, ${data.state},
            ${data.model}, ${canonicalJson(data.resource_usage)}, ${data.session_id}, ${time},
            ${data.state === 'terminated' ? time : null}, ${time}, ${version}, ${position})`,
    ],

    AgentStateChanged: ({ data, position, version, time }) => [
      sql`UPDATE agents SET state = ${data.to}, task_id = ${data.task_id}, resource_usage = ${canonicalJson(data.resource_usage)},
            terminated_at = ${data.to === 'terminated' ? time : null}, last_updated_at = ${time}, version = ${version},
            position = ${position}
          WHERE agent_id = ${data.agent_id}`,
    ],

    CheckpointWritten: ({ data, position, time, actor }) => [
      sql`UPDATE checkpoints SET replaced_at = ${position}
          WHERE task_id = ${data.task_id} AND iteration = ${data.iteration} AND version = ${data.version - 1}`,
      sql`INSERT INTO checkpoints (id, task_id, iteration, version, state, session_id, created_by, created_at)
          VALUES (${position}, ${data.task_id}, ${data.iteration}, ${data.version}, ${canonicalJson(data.state)},
            (SELECT session_id FROM tasks WHERE task_id = ${data.task_id}), ${actor}, ${time})`,
    ],

    TaskStateSet: ({ data, position, time, actor }) => [
      sql`UPDATE state SET replaced_at = ${position}
          WHERE task_id = ${data.task_id} AND key = ${data.key} AND version = ${data.version - 1}`,
      sql`INSERT INTO state (id, task_id, key, version, value, updated_by, updated_at)
          VALUES (${position}, ${data.task_id}, ${data.key}, ${data.version}, ${canonicalJson(data.value)}, ${actor},
            ${time})`,
    ],

    SessionDeleted: ({ data: { session_id } }) => [
      sql`UPDATE tasks SET session_id = NULL WHERE session_id = ${session_id}`,
      sql`UPDATE agents SET session_id = NULL WHERE session_id = ${session_id}`,
      sql`UPDATE checkpoints SET session_id = NULL WHERE session_id = ${session_id}`,
    ],
  },
});

/** Most tasks that one task may wait for: ids of `task_dependencies` have room for so many. */
export const MAX_DEPENDENCIES = 100;

function dependencies(taskId: string, ids: string[], position: number): Sql[] {
  if (ids.length === 0) return [];
  return [
    ...ids.map(
      (depends_on, index) =>
        sql`INSERT INTO task_dependencies (id, task_id, depends_on) VALUES (${position * 128 + index}, ${taskId}, ${depends_on})`,
    ),
    sql`UPDATE tasks SET open_dependencies = (SELECT count(*) FROM task_dependencies d
            JOIN tasks needed ON needed.task_id = d.depends_on
            WHERE d.task_id = ${taskId} AND needed.status <> 'completed')
        WHERE task_id = ${taskId}`,
  ];
}

function change({ data, position, version, time }: Recorded<TaskEvent>, status: TaskStatus, columns: Sql): Sql {
  return sql`UPDATE tasks SET status = ${status}, ${columns}, last_updated_at = ${time}, version = ${version},
               position = ${position}
             WHERE task_id = ${data.task_id}`;
}

/** Who ends a task may say which procedure it went by in the end. */
function procedureOf({ data }: Recorded<DomainEvent<string, { task_id: string; procedure?: ProcedureRef }>>): Sql[] {
  if (data.procedure === undefined) return [];
  const { namespace, key, version } = data.procedure;
  return [
    sql`UPDATE tasks SET procedure_namespace = ${namespace}, procedure_key = ${key}, procedure_version = ${version}
        WHERE task_id = ${data.task_id}`,
  ];
}
