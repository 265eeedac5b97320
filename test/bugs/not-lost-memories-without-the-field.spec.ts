import { expect, it } from '@jest/globals';
import { decideStep } from '#audit-log';
import { memory } from '#memories';
import { reads } from '#assembly';
import type { Page } from '#kernel';
import { caller, openTestHouse } from '../support/house.js';

// NOT of what SQL calls unknown is unknown again: memories without the field were in neither half.
it('R-M7 finds each memory by a filter or by its negation', async () => {
  const house = openTestHouse();
  const put = (key: string, metadata: { source?: string }) =>
    decideStep(memory, { type: 'WriteMemory', mode: 'put', namespace: 'user:alice', key, value: {}, metadata });
  const steps = [put('chatted', { source: 'chat' }), put('mailed', { source: 'mail' }), put('found', {})];
  await house.log.execute({ caller: caller(), steps });
  const keys = (filter: object): string[] =>
    (reads.get('memories.page')!.run(house.db, { limit: 10, now: '', filter }) as Page<{ key: string }>).items
      .map(({ key }) => key)
      .toSorted();
  expect(keys({ source: 'chat' })).toEqual(['chatted']);
  expect(keys({ NOT: { source: 'chat' } })).toEqual(['found', 'mailed']);
  house.close();
});
