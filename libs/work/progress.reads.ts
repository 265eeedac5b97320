import { decodeCursor, notFound, toPage, type Json, type JsonObject, type Page } from '#kernel';
import { defineRead, sql, type Reader, type Sql } from '#storage';

export interface Checkpoint {
  task_id: string;
  iteration: number;
  state: JsonObject;
  session_id: string | null;
  created_by: string;
  created_at: string;
  version: number;
}

export interface TaskStateEntry {
  task_id: string;
  key: string;
  value: Json;
  updated_by: string;
  updated_at: string;
  version: number;
}

interface CheckpointRow extends Omit<Checkpoint, 'state'> {
  state: string;
}

interface StateRow extends Omit<TaskStateEntry, 'value'> {
  value: string;
}

const checkpointColumns: Sql = {
  text: 'task_id, iteration, state, session_id, created_by, created_at, version',
  params: [],
};
const stateColumns: Sql = { text: 'task_id, key, value, updated_by, updated_at, version', params: [] };

export const checkpointAt = defineRead(
  'checkpoints.at',
  (db, { task_id, iteration, as_of }: { task_id: string; iteration: number; as_of?: number }): Checkpoint => {
    const row = db.one<CheckpointRow>(
      sql`SELECT ${checkpointColumns} FROM checkpoints
          WHERE task_id = ${task_id} AND iteration = ${iteration} AND ${held(as_of)}`,
    );
    if (row === undefined) throw missing(db, task_id, 'checkpoint', String(iteration));
    return toCheckpoint(row);
  },
);

export interface ProgressPageInput {
  task_id: string;
  as_of?: number;
  limit: number;
  cursor?: string;
}

/** The checkpoints of a task, newest iteration first. */
export const checkpointsPage = defineRead(
  'checkpoints.page',
  (db, { task_id, as_of, limit, cursor }: ProgressPageInput): Page<Checkpoint> => {
    assertTask(db, task_id);
    const list = ['checkpoints', task_id, as_of];
    const [last] = decodeCursor<[number]>(list, cursor) ?? [];
    const rows = db.all<CheckpointRow>(
      sql`SELECT ${checkpointColumns} FROM checkpoints
          WHERE task_id = ${task_id} AND iteration < ${last ?? Number.MAX_SAFE_INTEGER} AND ${held(as_of)}
          ORDER BY iteration DESC LIMIT ${limit + 1}`,
    );
    return toPage(list, rows, limit, ({ iteration }) => [iteration], toCheckpoint);
  },
);

export const taskStateAt = defineRead(
  'task-state.at',
  (db, { task_id, key, as_of }: { task_id: string; key: string; as_of?: number }): TaskStateEntry => {
    const row = db.one<StateRow>(
      sql`SELECT ${stateColumns} FROM state WHERE task_id = ${task_id} AND key = ${key} AND ${held(as_of)}`,
    );
    if (row === undefined) throw missing(db, task_id, 'state-key', key);
    return toEntry(row);
  },
);

/** What a task keeps, by key in order. */
export const taskStatePage = defineRead(
  'task-state.page',
  (db, { task_id, as_of, limit, cursor }: ProgressPageInput): Page<TaskStateEntry> => {
    assertTask(db, task_id);
    const list = ['task-state', task_id, as_of];
    const [last] = decodeCursor<[string]>(list, cursor) ?? [];
    const rows = db.all<StateRow>(
      sql`SELECT ${stateColumns} FROM state WHERE task_id = ${task_id} AND key > ${last ?? ''} AND ${held(as_of)}
          ORDER BY key LIMIT ${limit + 1}`,
    );
    return toPage(list, rows, limit, ({ key }) => [key], toEntry);
  },
);

export const progressReads = [checkpointAt, checkpointsPage, taskStateAt, taskStatePage];

/** The version that holds, or that held at a position. */
const held = (asOf: number | undefined): Sql =>
  asOf === undefined ? sql`replaced_at IS NULL` : sql`id <= ${asOf} AND (replaced_at IS NULL OR replaced_at > ${asOf})`;

const toCheckpoint = ({ state, ...row }: CheckpointRow): Checkpoint => ({
  ...row,
  state: JSON.parse(state) as JsonObject,
});
const toEntry = ({ value, ...row }: StateRow): TaskStateEntry => ({ ...row, value: JSON.parse(value) as Json });

function assertTask(db: Reader, taskId: string): void {
  if (db.one(sql`SELECT 1 FROM tasks WHERE task_id = ${taskId}`) === undefined) throw notFound('task', taskId);
}

/** Says which of the two is not there: the task, or what it was asked for. */
function missing(db: Reader, taskId: string, what: string, name: string): Error {
  assertTask(db, taskId);
  return notFound(what, name);
}
