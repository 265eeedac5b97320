import { expect, it } from '@jest/globals';
import { sql } from '#storage';
import { live } from '../support/history.js';
import { openTestHouse } from '../support/house.js';

it('R-A1 refuses INSERT OR REPLACE, which deletes without asking the trigger for deletions', async () => {
  const house = openTestHouse();
  await live(house.log, 3, 20);
  const before = house.db.all(sql`SELECT * FROM audit`);
  expect(() => house.db.exec('INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE position = 2')).toThrow(
    'audit is append only',
  );
  expect(house.db.all(sql`SELECT * FROM audit`)).toEqual(before);
  house.close();
});
