import { expect, it } from '@jest/globals';
import { directly, decideStep, SqliteAuditLog, type Decision } from '#audit-log';
import { assembleWriter, catalog } from '#assembly';
import { memory } from '#memories';
import { caller, openTestHouse } from '../support/house.js';

// JSON.parse('-0') is -0, its canonical text is 0: what comes again must be compared with what was stored.
it('R-M3 takes minus zero for the zero that is stored', async () => {
  const house = openTestHouse();
  const address = { namespace: 'user:alice', key: 'balance' };
  const value = JSON.parse('{"cents":-0}') as { cents: number };
  const put = async (log: SqliteAuditLog): Promise<Decision> => {
    const step = decideStep(memory, { type: 'WriteMemory', mode: 'put', ...address, value });
    const { results } = await log.execute({ caller: caller(), steps: [step] });
    return results[0] as Decision;
  };
  const restarted = new SqliteAuditLog(house.db, catalog, directly(assembleWriter(house.db)));
  expect((await put(house.log)).version).toBe(1);
  expect(await put(house.log)).toMatchObject({ version: 1, events: [] });
  expect(await put(restarted)).toMatchObject({ version: 1, events: [] });
  house.close();
});
