import { expect, it } from '@jest/globals';
import { decideStep, type Decision } from '#audit-log';
import { memory } from '#memories';
import { caller, openTestHouse } from '../support/house.js';

// The work was rolled back, but its state stayed in memory: the next put was answered as unchanged, and never written.
it('writes what was rolled back because its answer could not be kept', async () => {
  const house = openTestHouse();
  house.db.exec(`CREATE TEMP TRIGGER no_keys BEFORE INSERT ON commits BEGIN SELECT RAISE(ABORT, 'no keys today'); END`);
  const put = decideStep(memory, { type: 'WriteMemory', mode: 'put', namespace: 'user:alice', key: 'tea', value: {} });
  const idempotency = { key: 'k1', fingerprint: 'PUT tea' };
  await expect(house.log.execute({ caller: caller({ idempotency }), steps: [put] })).rejects.toThrow('no keys today');
  const { results } = await house.log.execute({ caller: caller(), steps: [put] });
  expect((results[0] as Decision).events).toMatchObject([{ version: 1, position: 1 }]);
  house.close();
});
