import { expect, it } from '@jest/globals';
import { LogReader } from '#audit-log';
import { catalog, projectors } from '#assembly';
import { replay } from '#projections';
import { Database, migrate, readMigrations } from '#storage';
import { live } from '../support/history.js';
import { MIGRATIONS, openTestHouse } from '../support/house.js';

it('R-A5 refuses to rebuild from a log that has lost an entry', async () => {
  const house = openTestHouse();
  await live(house.log, 11, 60);
  house.db.exec('DROP TRIGGER audit_is_never_deleted; DELETE FROM audit WHERE position = 7');
  const scratch = Database.open({ path: ':memory:' });
  migrate(scratch, readMigrations(MIGRATIONS));
  expect(() => replay(new LogReader(house.db, catalog), projectors, scratch)).toThrow('The log has no entry 7');
  scratch.close();
  house.close();
});
