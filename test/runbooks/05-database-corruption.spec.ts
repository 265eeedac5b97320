import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Acknowledged } from '../support/acknowledged.js';
import { damage, flipInIndex, forgeEntry, importMemories, ruinPage } from '../support/damage.js';
import { inspect } from '../support/inspect.js';
import { OnCall } from '../support/on-call.js';
import { temporaryDirectory } from '../support/server.js';

describe('R-O3 Runbook 5, database corruption detected', () => {
  const written = new Acknowledged();
  const variables = { SCRATCH: temporaryDirectory(), INDEX: 'idx_memory_created_by' };
  let onCall: OnCall;
  beforeAll(async () => {
    onCall = await OnCall.begin({ page: '05-database-corruption' });
    await importMemories(onCall.server.url, 500);
    await written.write(onCall.server.url, 'app:kept', 20);
  });
  afterAll(() => onCall?.end());

  /** Does something to the file while nobody has it open, and starts again. */
  const harm = async (how: (path: string) => void): Promise<void> => {
    await onCall.stop();
    how(onCall.path);
    await onCall.start();
  };
  const isSeen = async (check: string): Promise<string> => {
    const report = await onCall.follow('First five minutes');
    expect(report).toMatch(new RegExp(`^FAIL ${check} `, 'm'));
    expect(await onCall.metric(`abathur_integrity_check_ok`)).toBeDefined();
    const metrics = await (await fetch(`${onCall.server.url}/metrics`)).text();
    expect(metrics).toContain(`abathur_integrity_check_ok{check="${check}"} 0`);
    expect(await onCall.health('integrity')).toMatchObject({ status: 'degraded' });
    return report;
  };
  const isCured = async (): Promise<void> => {
    await onCall.follow('Verification');
    expect(await onCall.health('integrity')).toMatchObject({ status: 'ok' });
    expect(await written.lost(onCall.server.url)).toEqual([]);
  };

  it('a flipped bit in an index is named, and cured by making it anew', async () => {
    await harm((path) => flipInIndex(path, variables.INDEX, 'anonymous'));
    expect(await isSeen('sqlite')).toContain(`abathur db reindex ${variables.INDEX}`);
    await onCall.follow('Diagnosis');
    await onCall.follow('An index is wrong', variables, 2);
    await isCured();
  });

  it('a row that the log never said is named, and cured by the log', async () => {
    damage(
      onCall.path,
      `UPDATE memory_entries SET value = '{"text": "forged"}' WHERE id = (SELECT max(id) FROM memory_entries)`,
    );
    expect(await written.lost(onCall.server.url)).toHaveLength(1);
    expect(await isSeen('tables')).toContain('abathur projections rebuild memories');
    await onCall.follow('A derived table is wrong', variables);
    await isCured();
  });

  it('a page that cannot be read any more costs nothing, as long as the log can', async () => {
    await harm((path) => ruinPage(path, 'memory_entries'));
    await isSeen('sqlite');
    await onCall.follow('Diagnosis');
    await onCall.follow('A page is broken, the log can be read', variables);
    await isCured();
  });

  it('an entry of the log that was changed is named, and a backup brings it back', async () => {
    await harm((path) => forgeEntry(path, 100, `actor = 'nobody'`));
    expect(await isSeen('chain')).toContain('audit 100: ');
    await onCall.follow('The log is broken', variables);
    await isCured();
  });

  it('has left everything in order', async () => {
    expect(onCall.page.unrun).toEqual([]);
    expect(onCall.printed).toContain('"event":"integrity-flawed"');
    await onCall.stop();
    expect(inspect(onCall.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});
