import { decodeCursor, notFound, toPage, type JsonObject, type Page, type Visibility } from '#kernel';
import { seesOfSession, seesSession } from '#access';
import { streamPart, type Snapshot } from '#audit-log';
import { and, defineRead, sql, type Reader, type Sql } from '#storage';
import { taskStream, type TaskCommand } from './task.decider.js';
import type { ProcedureRef, TaskEvent, TaskStatus, TaskSubmitted } from './task.events.js';

export interface Task {
  task_id: string;
  prompt: string;
  agent_type: string;
  priority: number;
  status: TaskStatus;
  input_data: JsonObject;
  result_data: JsonObject | null;
  error_message: string | null;
  retry_count: number;
  max_retries: number;
  max_execution_timeout_seconds: number;
  parent_task_id: string | null;
  dependencies: string[];
  /** How many of its dependencies are not completed; it can be claimed when there are none. */
  open_dependencies: number;
  session_id: string | null;
  agent_id: string | null;
  procedure: ProcedureRef | null;
  outcome_namespace: string | null;
  created_by: string;
  submitted_at: string;
  started_at: string | null;
  timeout_at: string | null;
  completed_at: string | null;
  last_updated_at: string;
  version: number;
}

/** A task with where it stands in the log. */
interface Placed {
  task: Task;
  /** Of its first event. */
  id: number;
  /** Of its last event. */
  position: number;
}

// Asked for as one JSON text: one value crosses over from SQLite instead of twenty-six.
const columns: Sql = {
  text: `id, position, json_object('task_id', task_id, 'prompt', prompt, 'agent_type', agent_type, 'priority', priority,
    'status', status, 'input_data', json(input_data), 'result_data', json(result_data), 'error_message', error_message,
    'retry_count', retry_count, 'max_retries', max_retries,
    'max_execution_timeout_seconds', max_execution_timeout_seconds, 'parent_task_id', parent_task_id,
    'dependencies', json(dependencies), 'open_dependencies', open_dependencies, 'session_id', session_id,
    'agent_id', agent_id, 'procedure', json(iif(procedure_key IS NULL, 'null',
      json_object('namespace', procedure_namespace, 'key', procedure_key, 'version', procedure_version))),
    'outcome_namespace', outcome_namespace, 'created_by', created_by, 'submitted_at', submitted_at,
    'started_at', started_at, 'timeout_at', timeout_at, 'completed_at', completed_at,
    'last_updated_at', last_updated_at, 'version', version) AS text`,
  params: [],
};

interface TaskRow {
  id: number;
  position: number;
  text: string;
}

export interface TaskInput {
  task_id: string;
  as_of?: number;
}

/** A task now, or as it was at a position. */
export const taskAt = defineRead('tasks.at', (db, { task_id, as_of }: TaskInput): Task => {
  const row = db.one<TaskRow>(sql`SELECT ${columns} FROM tasks WHERE task_id = ${task_id}`);
  const found = row && asOf(db, placed(row), as_of);
  if (found === undefined) throw notFound('task', task_id);
  return found.task;
});

/** A task at a position, as far as two positions are compared. */
export function taskSnapshot(db: Reader, [task_id]: string[], as_of: number): Snapshot | null {
  const row = db.one<TaskRow>(sql`SELECT ${columns} FROM tasks WHERE task_id = ${task_id!}`);
  const found = row && asOf(db, placed(row), as_of);
  return found === undefined ? null : { version: found.task.version, document: found.task as unknown as JsonObject };
}

export interface TasksInput {
  status?: TaskStatus;
  agent_type?: string;
  agent_id?: string;
  priority?: number;
  session_id?: string;
  parent_task_id?: string;
  as_of?: number;
  limit: number;
  cursor?: string;
  /** Only those of sessions that somebody sees. */
  visible?: Visibility;
}

/** Whether somebody sees a task, by its id. Who asks for what names one that he does not see, finds nothing. */
export const seesTask = (visible: Visibility, task: Sql): Sql =>
  sql`EXISTS (SELECT 1 FROM tasks named WHERE named.task_id = ${task} AND ${seesOfSession(visible, sql`named.session_id`)})`;

/** Tasks by filter, newest first. */
export const tasksPage = defineRead(
  'tasks.page',
  (db, { limit, cursor, visible, ...filter }: TasksInput): Page<Task> => {
    const list = ['tasks', filter, ...(visible === undefined ? [] : [visible])];
    const { as_of, status, agent_id, ...fixed } = filter;
    const conditions = Object.entries(fixed)
      .filter(([, value]) => value !== undefined)
      .map(([column, value]) => sql`${{ text: column, params: [] }} = ${value}`);
    if (visible !== undefined) {
      conditions.push(seesOfSession(visible, sql`tasks.session_id`));
      if (fixed.parent_task_id !== undefined) conditions.push(seesTask(visible, sql`${fixed.parent_task_id}`));
    }
    if (as_of !== undefined) conditions.push(sql`id <= ${as_of}`);
    if (status !== undefined)
      conditions.push(sql`${as_of === undefined ? now('status') : statusAt(as_of)} = ${status}`);
    if (agent_id !== undefined)
      conditions.push(sql`${as_of === undefined ? now('agent_id') : agentAt(as_of)} = ${agent_id}`);
    const [time, id] = decodeCursor<[string, number]>(list, cursor) ?? [];
    if (time !== undefined) conditions.push(sql`(submitted_at, id) < (${time}, ${id!})`);
    const rows = db.all<TaskRow>(
      sql`SELECT ${columns} FROM tasks WHERE ${and(conditions)} ORDER BY submitted_at DESC, id DESC LIMIT ${limit + 1}`,
    );
    return toPage(
      list,
      rows.map((row) => asOf(db, placed(row), as_of)!),
      limit,
      (row) => [row.task.submitted_at, row.id],
      ({ task }) => task,
    );
  },
);

const now = (column: string): Sql => ({ text: column, params: [] });

// What a task was is told by the last event of its stream up to then; where nothing came since, by its row.
const STREAM = sql`'task:' || ${streamPart('tasks.task_id')}`;
const statusAt = (position: number): Sql =>
  sql`CASE WHEN tasks.position <= ${position} THEN status ELSE (
        SELECT CASE type WHEN 'TaskStarted' THEN 'running' WHEN 'TaskCompleted' THEN 'completed'
                 WHEN 'TaskFailed' THEN 'failed' WHEN 'TaskCancelled' THEN 'cancelled' ELSE 'pending' END
        FROM audit WHERE stream = ${STREAM} AND audit.position <= ${position}
        ORDER BY stream_version DESC LIMIT 1) END`;
const agentAt = (position: number): Sql =>
  sql`CASE WHEN tasks.position <= ${position} THEN agent_id ELSE (
        SELECT json_extract(data, '$.agent_id') FROM audit
        WHERE stream = ${STREAM} AND audit.position <= ${position}
          AND type IN ('TaskStarted', 'TaskRetried')
        ORDER BY stream_version DESC LIMIT 1) END`;

/** The session that a task belongs to; `undefined`: there is no such task. */
export const taskSession = defineRead(
  'tasks.session',
  (db, task_id: string): { session_id: string | null } | undefined =>
    db.one(sql`SELECT session_id FROM tasks WHERE task_id = ${task_id}`),
);

export interface ClaimInput {
  agent_type?: string;
  agent_id: string;
  /** Only tasks of sessions that somebody sees. */
  visible?: Visibility;
}

/**
 * The task to do next, of the highest priority and among those the oldest: the command that starts it. The first entry of
 * an index, whatever SQLite thinks of others: it runs in the transaction that everybody waits for.
 */
export const nextTask = defineRead(
  'tasks.next',
  (db, { agent_type, agent_id, visible }: ClaimInput): TaskCommand | null => {
    const next =
      visible === undefined
        ? db.one<Next>(claimable(agent_type, sql`1 AS seen`, 1))
        : nextSeen(db, agent_type, visible);
    return next === undefined ? null : { type: 'StartTask', task_id: next.task_id, agent_id, open_dependencies: 0 };
  },
);

interface Next {
  task_id: string;
  seen: number;
}

const claimable = (agent_type: string | undefined, seen: Sql, limit: number): Sql =>
  agent_type === undefined
    ? sql`SELECT task_id, ${seen} FROM tasks INDEXED BY idx_tasks_status_priority
          WHERE status = 'pending' AND open_dependencies = 0 ORDER BY priority, id LIMIT ${limit}`
    : sql`SELECT task_id, ${seen} FROM tasks INDEXED BY idx_tasks_claimable_type
          WHERE status = 'pending' AND open_dependencies = 0 AND agent_type = ${agent_type}
          ORDER BY priority, id LIMIT ${limit}`;

/** How many tasks of everybody are looked at for one that somebody sees. */
const LOOKED_AT = 200;

/**
 * The first of all that somebody sees. Mostly it is among the first of everybody's; where others have a long queue before
 * it, each session of one's own is asked for its first, so that nobody's queue makes the claims of others slow.
 */
function nextSeen(db: Reader, agent_type: string | undefined, visible: Visibility): Next | undefined {
  const seen = sql`${seesOfSession(visible, sql`tasks.session_id`)} AS seen`;
  let looked = 0;
  for (const task of db.iterate<Next>(claimable(agent_type, seen, LOOKED_AT))) {
    if (task.seen === 1) return task;
    looked += 1;
  }
  if (looked < LOOKED_AT) return undefined;
  const ofType = agent_type === undefined ? sql`1` : sql`c.agent_type = ${agent_type}`;
  return db.one<Next>(
    sql`SELECT t.task_id, 1 AS seen FROM sessions s CROSS JOIN tasks t ON t.id = (
          SELECT c.id FROM tasks c INDEXED BY idx_tasks_claimable_session
          WHERE c.session_id = s.session_id AND c.status = 'pending' AND c.open_dependencies = 0 AND ${ofType}
          ORDER BY c.priority, c.id LIMIT 1)
        WHERE ${seesSession(visible, 's')} ORDER BY t.priority, t.id LIMIT 1`,
  );
}

/** The command that starts one task, which knows whether it can. */
export const startOf = defineRead(
  'tasks.start-of',
  (db, { task_id, agent_id }: { task_id: string; agent_id: string | null }): TaskCommand => {
    const row = db.one<{ open_dependencies: number }>(
      sql`SELECT open_dependencies FROM tasks WHERE task_id = ${task_id}`,
    );
    return { type: 'StartTask', task_id, agent_id, open_dependencies: row?.open_dependencies ?? 0 };
  },
);

/** Tasks that should have ended by now, the longest overdue first. */
export const staleTasks = defineRead(
  'tasks.stale',
  (db, { now: time, limit }: { now: string; limit: number }): { task_id: string; timeout_at: string }[] =>
    db.all(
      sql`SELECT task_id, timeout_at FROM tasks INDEXED BY idx_tasks_running_timeout WHERE status = 'running' AND timeout_at <= ${time}
          ORDER BY timeout_at LIMIT ${limit}`,
    ),
);

/** A task that ended, with the positions of its first event and of its last. */
export interface EndedTask {
  task_id: string;
  submitted: number;
  ended: number;
  /** Of the work that ended it. */
  correlation_id: string;
}

/** Tasks that were completed or failed for good after a position, in this order. */
export const endedTasks = defineRead(
  'tasks.ended',
  (db, { after, limit }: { after: number; limit: number }): EndedTask[] =>
    db.all(
      sql`SELECT task_id, id AS submitted, position AS ended,
            (SELECT correlation_id FROM audit WHERE audit.position = tasks.position) AS correlation_id
          FROM tasks INDEXED BY idx_tasks_ended
          WHERE status IN ('completed', 'failed') AND position > ${after} ORDER BY position LIMIT ${limit}`,
    ),
);

/** How tasks that went by a version of a procedure ended. */
export interface ProcedureOutcomes {
  version: number;
  completed: number;
  failed: number;
}

/** For each version of a procedure that tasks went by, of those that somebody sees, how they ended; newest version first. */
export const procedureOutcomes = defineRead(
  'tasks.procedure-outcomes',
  (db, { namespace, key, visible }: { namespace: string; key: string; visible?: Visibility }): ProcedureOutcomes[] =>
    db.all(
      sql`SELECT procedure_version AS version, sum(status = 'completed') AS completed, sum(status = 'failed') AS failed
          FROM tasks WHERE procedure_namespace = ${namespace} AND procedure_key = ${key}
            AND ${visible === undefined ? sql`1` : seesOfSession(visible, sql`tasks.session_id`)}
          GROUP BY procedure_version ORDER BY procedure_version DESC LIMIT 1000`,
    ),
);

export const taskReads = [taskAt, taskSession, tasksPage, nextTask, startOf, staleTasks, endedTasks, procedureOutcomes];

const placed = ({ id, position, text }: TaskRow): Placed => ({ id, position, task: JSON.parse(text) as Task });

/** The task as it was at a position; `undefined` when it was not there yet. */
function asOf(db: Reader, found: Placed, position: number | undefined): Placed | undefined {
  if (position === undefined) return found;
  const { task, id } = found;
  const past = found.position <= position ? found : pastTask(db, task.task_id, position);
  if (past === undefined) return undefined;
  const open_dependencies = task.dependencies.length === 0 ? 0 : openAt(db, task.task_id, position);
  // A session that was deleted since is gone from the past as well, as it is from memories.
  return { ...past, id, task: { ...past.task, session_id: task.session_id, open_dependencies } };
}

const openAt = (db: Reader, taskId: string, position: number): number =>
  db.one<{ count: number }>(
    sql`SELECT count(*) AS count FROM task_dependencies d JOIN tasks needed ON needed.task_id = d.depends_on
        WHERE d.task_id = ${taskId} AND NOT (needed.status = 'completed' AND needed.position <= ${position})`,
  )!.count;

interface PastEvent {
  type: TaskEvent['type'];
  data: string;
  time: string;
  actor: string;
  version: number;
  position: number;
}

/** The task as its stream tells it. */
function pastTask(db: Reader, taskId: string, position: number): Placed | undefined {
  const events = db.all<PastEvent>(
    sql`SELECT type, data, timestamp AS time, actor, stream_version AS version, position FROM audit
        WHERE stream = ${taskStream(taskId)} AND position <= ${position} ORDER BY stream_version`,
  );
  return events.reduce<Placed | undefined>(advance, undefined);
}

function advance(before: Placed | undefined, { position, time, version, actor, ...event }: PastEvent): Placed {
  const told = { type: event.type, data: JSON.parse(event.data) as unknown } as TaskEvent;
  if (told.type === 'TaskSubmitted') return { id: position, position, task: submitted(told.data, time, actor) };
  return {
    id: before!.id,
    position,
    task: { ...before!.task, ...changes(told, time), last_updated_at: time, version },
  };
}

const submitted = (data: TaskSubmitted['data'], time: string, actor: string): Task => ({
  ...data,
  status: 'pending',
  result_data: null,
  error_message: null,
  retry_count: 0,
  open_dependencies: data.dependencies.length,
  agent_id: null,
  created_by: actor,
  submitted_at: time,
  started_at: null,
  timeout_at: null,
  completed_at: null,
  last_updated_at: time,
  version: 1,
});

function changes(event: Exclude<TaskEvent, TaskSubmitted>, time: string): Partial<Task> {
  switch (event.type) {
    case 'TaskStarted': {
      const { agent_id, timeout_at } = event.data;
      return { status: 'running', agent_id, timeout_at, started_at: time };
    }
    case 'TaskRetried': {
      const { retry_count, error_message } = event.data;
      return { status: 'pending', agent_id: null, started_at: null, timeout_at: null, retry_count, error_message };
    }
    case 'TaskCompleted': {
      const { result_data, procedure } = event.data;
      return { status: 'completed', result_data, error_message: null, ...ended(time), ...(procedure && { procedure }) };
    }
    case 'TaskFailed': {
      const { error_message, procedure } = event.data;
      return { status: 'failed', error_message, ...ended(time), ...(procedure && { procedure }) };
    }
    case 'TaskCancelled':
      return { status: 'cancelled', error_message: event.data.error_message, ...ended(time) };
  }
}

const ended = (time: string): Partial<Task> => ({ timeout_at: null, completed_at: time });
