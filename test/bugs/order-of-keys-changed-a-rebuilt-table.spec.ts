import { expect, it } from '@jest/globals';
import { decideStep, LogReader } from '#audit-log';
import { catalog, projectors } from '#assembly';
import { differences, replay } from '#projections';
import { session } from '#sessions';
import { Database, migrate, readMigrations } from '#storage';
import { caller, MIGRATIONS, openTestHouse } from '../support/house.js';

it('gives state the same rows alive and rebuilt, in whatever order a client spells its keys', async () => {
  const house = openTestHouse();
  const create = decideStep(session, {
    type: 'CreateSession',
    session_id: 's1',
    app_name: 'app',
    user_id: 'alice',
    project_id: null,
    metadata: {},
    state: { z: 1, a: 2, m: 3 },
  });
  await house.log.execute({ caller: caller(), steps: [create] });
  const scratch = Database.open({ path: ':memory:' });
  migrate(scratch, readMigrations(MIGRATIONS));
  replay(new LogReader(house.db, catalog), projectors, scratch);
  expect(differences(house.db, scratch, ['scoped_state'])).toEqual([]);
  scratch.close();
  house.close();
});
