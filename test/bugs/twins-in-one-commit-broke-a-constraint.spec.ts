import { expect, it } from '@jest/globals';
import { openTestHouse } from '../support/house.js';

it('refuses a commit with the same event id twice as a conflict, not as a broken constraint', async () => {
  const house = openTestHouse();
  const twin = { stream: 'session:s1', id: 'twin', type: 'SessionDeleted', data: { session_id: 's1' } };
  const commit = {
    id: 'commit',
    conditions: [],
    events: [twin, twin],
    proposer: { actor: 'tester', correlation_id: 'test' },
    time: '2026-01-02T03:04:05.678Z',
  };
  await expect(house.log.commit(commit)).rejects.toMatchObject({ kind: 'conflict', code: 'event-id-used' });
  await expect(house.log.head()).resolves.toMatchObject({ position: 0 });
  house.close();
});
