import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { directly, decideStep, SqliteAuditLog } from '#audit-log';
import { memory } from '#memories';
import { session } from '#sessions';
import { Database, migrate, readMigrations } from '#storage';
import { caller, MIGRATIONS } from '../../test/support/house.js';
import { catalog } from './features.js';
import { Tally } from './tally.js';
import { assembleWriter } from './writer.js';

describe('What the writer counts', () => {
  let db: Database;
  let tally: Tally;
  let log: SqliteAuditLog;
  beforeEach(() => {
    db = Database.open({ path: ':memory:' });
    migrate(db, readMigrations(MIGRATIONS));
    tally = new Tally(() => 'semantic');
    log = new SqliteAuditLog(db, catalog, directly(assembleWriter(db, {}, tally)));
  });
  afterEach(() => db.close());

  const address = { namespace: 'user:alice', key: 'tea' };
  const write = (text: string) =>
    decideStep(memory, {
      type: 'WriteMemory',
      mode: 'put',
      ...address,
      value: { text },
      memory_type: 'semantic',
    } as Parameters<typeof memory.decide>[0]);
  const remove = () => decideStep(memory, { type: 'DeleteMemory', ...address });
  const taken = () =>
    tally
      .take()
      .filter(({ counter }) => counter !== 'eventsAppended' && counter !== 'stateLoads')
      .map(({ counter, labels, times }) => [counter, Object.values(labels).join(' '), times]);

  it('is told apart by what happened to which type of memory', async () => {
    await log.execute({ caller: caller(), steps: [write('Green')] });
    await log.execute({ caller: caller(), steps: [write('Black')] });
    await log.execute({ caller: caller(), steps: [remove()] });
    expect(taken()).toEqual([
      ['memoryOperations', 'create semantic', 1],
      ['memoryOperations', 'update semantic', 1],
      ['memoryOperations', 'delete semantic', 1],
    ]);
  });

  it('is told once', async () => {
    await log.execute({ caller: caller(), steps: [write('Green')] });
    expect(taken()).toHaveLength(1);
    expect(taken()).toEqual([]);
  });

  it('is not what was undone: a refused work counts for nothing', async () => {
    const refused = decideStep(memory, { type: 'DeleteMemory', namespace: 'user:bob', key: 'none' });
    await expect(log.execute({ caller: caller(), steps: [write('Green'), refused] })).rejects.toThrow('user:bob/none');
    expect(taken()).toEqual([]);
  });

  it('is not what changed nothing', async () => {
    await log.execute({ caller: caller(), steps: [write('Green')] });
    taken();
    await log.execute({ caller: caller(), steps: [write('Green')] });
    expect(taken()).toEqual([]);
  });

  it('names every event type as often as it was written', async () => {
    const create = (session_id: string) =>
      decideStep(session, {
        type: 'CreateSession',
        session_id,
        app_name: 'app',
        user_id: 'alice',
        project_id: null,
        metadata: {},
        state: {},
      } as Parameters<typeof session.decide>[0]);
    await log.execute({ caller: caller(), steps: [create('a'), create('b')] });
    expect(tally.take().filter(({ counter }) => counter !== 'stateLoads')).toEqual([
      { counter: 'eventsAppended', labels: { type: 'SessionCreated' }, times: 2 },
      { counter: 'sessionsCreated', labels: {}, times: 2 },
    ]);
  });
});
