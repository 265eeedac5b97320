import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { DomainEvent } from '#kernel';
import { project } from '#projections';
import { Database, migrate, readMigrations, sql } from '#storage';
import { NOW, recorded } from '../../test/support/given.js';
import { MIGRATIONS } from '../../test/support/house.js';
import type { TaskSubmitted } from './task.events.js';
import { workProjector } from './work.projector.js';

const submitted = (task_id: string, data: Partial<TaskSubmitted['data']> = {}): DomainEvent => ({
  type: 'TaskSubmitted',
  data: {
    task_id,
    prompt: 'p',
    agent_type: 'general',
    priority: 5,
    input_data: { b: 1, a: 2 },
    max_retries: 3,
    max_execution_timeout_seconds: 60,
    parent_task_id: null,
    dependencies: [],
    session_id: null,
    procedure: null,
    outcome_namespace: null,
    ...data,
  },
});
const started = (task_id: string): DomainEvent => ({
  type: 'TaskStarted',
  data: { task_id, agent_id: 'a1', timeout_at: '2026-01-02T03:05:05.678Z' },
});
const completed = (task_id: string, data: object = {}): DomainEvent => ({
  type: 'TaskCompleted',
  data: { task_id, result_data: null, ...data },
});

describe('The projection of work', () => {
  let db: Database;
  beforeEach(() => {
    db = Database.open({ path: ':memory:' });
    migrate(db, readMigrations(MIGRATIONS));
  });
  afterEach(() => db.close());

  const given = (...events: DomainEvent[]): void => {
    const log = events.map((event, index) => recorded(event, index + 1));
    for (const statement of project(workProjector, log)) db.run(statement);
  };
  const open = (): unknown[] => db.all(sql`SELECT task_id, open_dependencies AS open FROM tasks ORDER BY id`);

  it('R-T1 counts what a task waits for when it is submitted, and down as that is completed', () => {
    given(
      submitted('a'),
      submitted('b'),
      started('a'),
      completed('a'),
      submitted('c', { dependencies: ['a', 'b'] }),
      submitted('d', { dependencies: ['b'] }),
    );
    expect(open().slice(2)).toEqual([
      { task_id: 'c', open: 1 },
      { task_id: 'd', open: 1 },
    ]);
    for (const statement of project(workProjector, [recorded(started('b'), 7), recorded(completed('b'), 8)]))
      db.run(statement);
    expect(open().slice(2)).toEqual([
      { task_id: 'c', open: 0 },
      { task_id: 'd', open: 0 },
    ]);
  });

  it('R-T1 waits on for what failed or was cancelled', () => {
    given(
      submitted('a'),
      submitted('b'),
      submitted('c', { dependencies: ['a', 'b'] }),
      { type: 'TaskCancelled', data: { task_id: 'a', error_message: null } },
      { type: 'TaskFailed', data: { task_id: 'b', reason: 'failed', error_message: 'x' } },
    );
    expect(open()[2]).toEqual({ task_id: 'c', open: 2 });
  });

  it('R-C8 takes the procedure that a task says it went by in the end', () => {
    const procedure = { namespace: 'app:x', key: 'brew', version: 1 };
    given(
      submitted('a', { procedure }),
      started('a'),
      completed('a', { procedure: { ...procedure, version: 2 } }),
      submitted('b', { procedure }),
      started('b'),
      completed('b'),
    );
    expect(db.all(sql`SELECT procedure_version AS version FROM tasks ORDER BY id`)).toEqual([
      { version: 2 },
      { version: 1 },
    ]);
  });

  it('R-T4 keeps each version of a checkpoint and of a value, with the position until which it held', () => {
    const checkpoint = (version: number): DomainEvent => ({
      type: 'CheckpointWritten',
      data: { task_id: 'a', iteration: 1, state: { version }, version },
    });
    const value = (version: number): DomainEvent => ({
      type: 'TaskStateSet',
      data: { task_id: 'a', key: 'k', value: version, version },
    });
    given(submitted('a'), checkpoint(1), value(1), checkpoint(2), value(2));
    expect(db.all(sql`SELECT id, version, replaced_at FROM checkpoints ORDER BY id`)).toEqual([
      { id: 2, version: 1, replaced_at: 4 },
      { id: 4, version: 2, replaced_at: null },
    ]);
    expect(db.all(sql`SELECT id, value, replaced_at, updated_at FROM state ORDER BY id`)).toEqual([
      { id: 3, value: '1', replaced_at: 5, updated_at: NOW },
      { id: 5, value: '2', replaced_at: null, updated_at: NOW },
    ]);
  });

  it('R-T1 lets go of a session that is deleted, everywhere', () => {
    db.pragma('foreign_keys = OFF');
    given(
      submitted('a', { session_id: 's1' }),
      { type: 'CheckpointWritten', data: { task_id: 'a', iteration: 1, state: {}, version: 1 } },
      {
        type: 'AgentRegistered',
        data: {
          agent_id: 'x',
          name: 'X',
          state: 'idle',
          session_id: 's1',
          resource_usage: {},
          task_id: null,
          model: null,
          specialization: null,
        },
      },
    );
    const sessions = (): unknown[] =>
      ['tasks', 'checkpoints', 'agents'].map((table) =>
        db.one({ text: `SELECT session_id FROM ${table}`, params: [] }),
      );
    expect(sessions()).toEqual([{ session_id: 's1' }, { session_id: 's1' }, { session_id: 's1' }]);
    given({ type: 'SessionDeleted', data: { session_id: 's1' } });
    expect(sessions()).toEqual([{ session_id: null }, { session_id: null }, { session_id: null }]);
  });

  it.each([
    ['a task that waits for itself', `INSERT INTO task_dependencies (id, task_id, depends_on) VALUES (9, 'a', 'a')`],
    [
      'a task that waits for what is not there',
      `INSERT INTO task_dependencies (id, task_id, depends_on) VALUES (9, 'a', 'x')`,
    ],
    ['a priority of 11', `UPDATE tasks SET priority = 11`],
    ['more retries than there may be', `UPDATE tasks SET retry_count = 4`],
    ['a running task without a time to end', `UPDATE tasks SET status = 'running'`],
    ['an ended task without an end', `UPDATE tasks SET status = 'completed'`],
    ['fewer than no open dependencies', `UPDATE tasks SET open_dependencies = -1`],
  ])('R-S6 refuses %s', (_, change) => {
    given(submitted('a'));
    expect(() => db.exec(change)).toThrow(/constraint failed/);
  });
});
