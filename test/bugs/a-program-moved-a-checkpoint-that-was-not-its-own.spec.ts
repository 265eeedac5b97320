import { expect, it } from '@jest/globals';
import { decideStep } from '#audit-log';
import { memory } from '#memories';
import { projectionStatus } from '#projections';
import { sql } from '#storage';
import { caller, openTestHouse } from '../support/house.js';

// During a rolling upgrade the older program marked its writes as seen by the newer one's projector, which never saw them.
it('R-A5 leaves the checkpoint of an inline projector that only another program has', async () => {
  const house = openTestHouse();
  house.db.run(sql`INSERT INTO projections (name, mode, position, updated_at) VALUES ('newer', 'inline', 0, '')`);
  const put = decideStep(memory, { type: 'WriteMemory', mode: 'put', namespace: 'user:alice', key: 'tea', value: {} });
  await house.log.execute({ caller: caller(), steps: [put] });
  expect(house.ask(projectionStatus, null)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ name: 'newer', position: 0 }),
      expect.objectContaining({ name: 'memories', position: 1 }),
    ]),
  );
  house.close();
});
