import { expect, it } from '@jest/globals';
import { decideStep } from '#audit-log';
import { memory } from '#memories';
import { searchStatus } from '#search';
import { Database, sql } from '#storage';
import { caller, catchUp, openTestHouse } from '../support/house.js';

// The backlog was counted before the texts had come and the lag looked up after: both were 0, and nothing was searchable yet.
it('R-D5 tells of one moment how much is left to embed and how far behind it is', async () => {
  const house = openTestHouse();
  const reader = Database.open({ path: house.path, readonly: true });
  const write = {
    type: 'WriteMemory',
    mode: 'put',
    namespace: 'user:alice',
    key: 'tea',
    value: { text: 'Tea' },
  } as const;
  await house.log.execute({ caller: caller(), steps: [decideStep(memory, write)] });
  const status = () => searchStatus.run(reader, { name: 'any', dimensions: 768 });

  reader.exec('BEGIN');
  reader.one(sql`SELECT count(*) AS count FROM search_texts`);
  await catchUp(house);
  expect(status()).toMatchObject({ backlog: 0, lag: 1 });
  reader.exec('COMMIT');

  expect(status()).toMatchObject({ backlog: 1, lag: 0 });
  reader.close();
  house.close();
});
