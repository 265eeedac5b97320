import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chooseStep, decideStep, type Step } from '#audit-log';
import { memory } from '#memories';
import { session } from '#sessions';
import { ReadSide, sql, type ReaderPool } from '#storage';
import { Log, Metrics } from '#telemetry';
import { startOf, task } from '#work';
import { caller, openTestHouse, type TestHouse } from '../../test/support/house.js';
import { endStaleTasks } from './stale-tasks.js';
import { rememberOutcomes } from './remember-outcomes.js';

describe('What becomes of tasks by itself', () => {
  let house: TestHouse;
  let parts: { auditLog: TestHouse['log']; reads: ReadSide; log: Log; metrics: Metrics };
  beforeEach(() => {
    house = openTestHouse();
    const reads = new ReadSide(house.db, undefined as unknown as ReaderPool);
    parts = { auditLog: house.log, reads, log: Log.create('silent'), metrics: new Metrics('0') };
  });
  afterEach(() => house.close());

  const execute = (...steps: Step[]) => house.log.execute({ caller: caller(), steps });
  const submit = (task_id: string, changes: object = {}): Step =>
    decideStep(task, {
      type: 'SubmitTask',
      task_id,
      prompt: 'p',
      agent_type: 'general',
      priority: 5,
      input_data: {},
      max_retries: 0,
      max_execution_timeout_seconds: 60,
      parent_task_id: null,
      dependencies: [],
      session_id: null,
      procedure: null,
      outcome_namespace: 'app:x',
      ...changes,
    });
  const start = (task_id: string): Step => chooseStep(task, startOf, { task_id, agent_id: null });
  const complete = (task_id: string): Step => decideStep(task, { type: 'CompleteTask', task_id, result_data: null });
  const remembered = (): unknown[] =>
    house.db.all<{ key: string }>(sql`SELECT key FROM memory_entries ORDER BY id`).map(({ key }) => key);

  it('R-C8 an outcome is remembered once, also by two workers at once', async () => {
    for (const id of ['t1', 't2', 't3']) await execute(submit(id), start(id), complete(id));
    await Promise.all([rememberOutcomes(parts), rememberOutcomes(parts)]);
    await rememberOutcomes(parts);
    expect(remembered()).toEqual(['t1', 't2', 't3']);
  });

  it('R-C8 a worker that died before it noted how far it was repeats nothing and loses nothing', async () => {
    await execute(submit('t1'), start('t1'), complete('t1'));
    await rememberOutcomes(parts);
    await execute(submit('t2'), start('t2'), complete('t2'));
    house.db.exec(`UPDATE reactions SET position = 0`);
    await rememberOutcomes(parts);
    expect(remembered()).toEqual(['t1', 't2']);
  });

  it('R-M10 an outcome that somebody deleted stays deleted, however often the log is gone through', async () => {
    await execute(submit('t1'), start('t1'), complete('t1'));
    await rememberOutcomes(parts);
    await execute(decideStep(memory, { type: 'DeleteMemory', namespace: 'app:x', key: 't1' }));
    house.db.exec(`DELETE FROM reactions`);
    await rememberOutcomes(parts);
    expect(house.db.all(sql`SELECT is_deleted FROM memory_entries`)).toEqual([{ is_deleted: 1 }]);
  });

  it('R-C8 an outcome stays with its session, also when that is deleted before it is remembered', async () => {
    const about = { session_id: 's1', app_name: 'a', user_id: 'u', project_id: null, metadata: {}, state: {} };
    await execute(decideStep(session, { type: 'CreateSession', ...about }));
    await execute(submit('t1', { session_id: 's1', outcome_namespace: null }), start('t1'), complete('t1'));
    await execute(decideStep(session, { type: 'DeleteSession', session_id: 's1' }));
    await rememberOutcomes(parts);
    expect(house.db.all(sql`SELECT namespace, session_id FROM memory_entries`)).toEqual([
      { namespace: 'session:s1:outcomes', session_id: null },
    ]);
  });

  it('R-C8 what was cancelled came to nothing, and is not remembered', async () => {
    await execute(submit('t1'), decideStep(task, { type: 'CancelTask', task_id: 't1', error_message: null }));
    expect(await rememberOutcomes(parts)).toBe(0);
    expect(remembered()).toEqual([]);
  });

  it('R-T2 an attempt that ran out of time ends once, also with two workers at once', async () => {
    await house.log.execute({
      caller: caller({ time: '2026-01-01T00:00:00.000Z' }),
      steps: [submit('t1'), start('t1')],
    });
    await Promise.all([endStaleTasks(parts), endStaleTasks(parts)]);
    expect(house.db.all(sql`SELECT status, error_message FROM tasks`)).toEqual([
      { status: 'failed', error_message: 'It did not end within 60 s.' },
    ]);
    expect(house.db.all(sql`SELECT 1 FROM audit WHERE type = 'TaskFailed'`)).toHaveLength(1);
    expect(await endStaleTasks(parts)).toBe(0);
  });
});
