import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogReader } from '#audit-log';
import { catalog } from '#assembly';
import { replay } from '#projections';
import { Database, migrate, readMigrations, sql, type Reader } from '#storage';
import { live } from '../../test/support/history.js';
import { MIGRATIONS, openTestHouse, type TestHouse } from '../../test/support/house.js';
import { agentAt, type Agent } from './agent.reads.js';
import { checkpointsPage, taskStatePage } from './progress.reads.js';
import { taskAt, tasksPage, type Task } from './task.reads.js';
import { workProjector } from './work.projector.js';

/** The past is read in another way than the present, from streams and intervals: both must tell the same story. */
describe('R-C1 What was, asked for now', () => {
  let house: TestHouse;
  let moments: { position: number; then: Database }[];
  beforeAll(async () => {
    house = openTestHouse();
    await live(house.log, 7, 1200);
    const { position: head } = await house.log.head();
    moments = [0.2, 0.4, 0.6, 0.8, 1].map((share) => until(Math.floor(head * share)));
  });
  afterAll(() => {
    for (const { then } of moments) then.close();
    house.close();
  });

  /** The tables as they were at a position, from the log up to there. */
  function until(position: number): { position: number; then: Database } {
    const then = Database.open({ path: ':memory:' });
    migrate(then, readMigrations(MIGRATIONS));
    const log = new LogReader(house.db, catalog);
    const upTo = { all: (after: number, limit: number) => log.all(after, Math.min(limit, position - after)) };
    replay(upTo as LogReader, [workProjector], then);
    return { position, then };
  }

  const ids = (db: Reader, table: 'tasks' | 'agents'): string[] => {
    const column = table === 'tasks' ? 'task_id' : 'agent_id';
    return db.all<{ id: string }>({ text: `SELECT ${column} AS id FROM ${table}`, params: [] }).map(({ id }) => id);
  };
  /** A session that was deleted since is gone from the past, too. */
  const withoutSession = <T extends Task | Agent>(found: T): T => ({ ...found, session_id: null });

  it('is not about nothing', () => {
    const changed = house.db.all(sql`SELECT 1 FROM tasks WHERE position > ${moments[2]!.position}`);
    expect(changed.length).toBeGreaterThan(3);
    expect(ids(moments[2]!.then, 'tasks').length).toBeGreaterThan(5);
  });

  it.each([0, 1, 2, 3, 4])('is each task as it was (moment %i)', (moment) => {
    const { position, then } = moments[moment]!;
    for (const task_id of ids(then, 'tasks')) {
      const told = taskAt.run(house.db, { task_id, as_of: position });
      expect(withoutSession(told)).toEqual(withoutSession(taskAt.run(then, { task_id })));
    }
  });

  it.each([0, 1, 2, 3, 4])('are the same tasks by status and by agent (moment %i)', (moment) => {
    const { position, then } = moments[moment]!;
    const listed = (db: Reader, filter: object): string[] =>
      tasksPage.run(db, { limit: 1000, ...filter }).items.map(({ task_id }) => task_id);
    const filters = [{ status: 'pending' }, { status: 'running' }, { status: 'completed' }, { status: 'failed' }];
    for (const filter of [...filters, { status: 'cancelled' }, { agent_id: 'a1' }, { agent_id: 'a2' }, {}])
      expect({ filter, ids: listed(house.db, { ...filter, as_of: position }) }).toEqual({
        filter,
        ids: listed(then, filter),
      });
  });

  it.each([0, 1, 2, 3, 4])('is each agent as it was (moment %i)', (moment) => {
    const { position, then } = moments[moment]!;
    for (const agent_id of ids(then, 'agents')) {
      const told = agentAt.run(house.db, { agent_id, as_of: position });
      expect(withoutSession(told)).toEqual(withoutSession(agentAt.run(then, { agent_id })));
    }
  });

  it.each([0, 1, 2, 3, 4])('is what tasks had kept (moment %i)', (moment) => {
    const { position, then } = moments[moment]!;
    for (const task_id of ids(then, 'tasks')) {
      const page = { task_id, limit: 100 };
      for (const read of [checkpointsPage, taskStatePage]) {
        const items = (answer: { items: object[] }) => answer.items.map((item) => ({ ...item, session_id: null }));
        expect(items(read.run(house.db, { ...page, as_of: position }))).toEqual(items(read.run(then, page)));
      }
    }
  });
});
