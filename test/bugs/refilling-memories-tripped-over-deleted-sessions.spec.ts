import { expect, it } from '@jest/globals';
import { decideStep, type Step } from '#audit-log';
import { memory } from '#memories';
import { session } from '#sessions';
import { sql } from '#storage';
import { caller, openTestHouse } from '../support/house.js';

// The table of sessions was ahead: a memory of a session that was deleted later broke a foreign key, and no write
// went through any more.
it('R-A5 fills memories again that were written in a session which is gone', async () => {
  const house = openTestHouse();
  const execute = (...steps: Step[]) => house.log.execute({ caller: caller(), steps });
  const address = { namespace: 'user:alice', key: 'tea' };
  await execute(
    decideStep(session, {
      type: 'CreateSession',
      session_id: 's1',
      app_name: 'app',
      user_id: 'alice',
      project_id: null,
      metadata: {},
      state: {},
    }),
    decideStep(memory, { type: 'WriteMemory', mode: 'put', ...address, value: {}, session_id: 's1' }),
  );
  await execute(decideStep(session, { type: 'DeleteSession', session_id: 's1' }));
  house.db.exec(`DELETE FROM memory_entries; UPDATE projections SET position = 0 WHERE name = 'memories'`);
  await execute(decideStep(memory, { type: 'WriteMemory', mode: 'put', ...address, value: { more: true } }));
  expect(house.db.all(sql`SELECT version, session_id FROM memory_entries ORDER BY version`)).toEqual([
    { version: 1, session_id: null },
    { version: 2, session_id: null },
  ]);
  house.close();
});
