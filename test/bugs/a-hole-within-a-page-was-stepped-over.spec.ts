import { expect, it } from '@jest/globals';
import { live } from '../support/history.js';
import { openTestHouse } from '../support/house.js';

it('R-A5 stops a projection at a hole in the log, wherever in a page it is', async () => {
  const house = openTestHouse();
  await live(house.log, 11, 60);
  house.db.exec('DROP TRIGGER audit_is_never_deleted; DELETE FROM audit WHERE position = 7');
  await expect(house.log.chore('catch-up', 'activity')).rejects.toThrow('activity is at 6, but the log goes on at 8');
  house.close();
});
