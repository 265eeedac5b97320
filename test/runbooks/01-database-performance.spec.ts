import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Acknowledged } from '../support/acknowledged.js';
import { damage, importMemories } from '../support/damage.js';
import { inspect } from '../support/inspect.js';
import { OnCall } from '../support/on-call.js';

const DROPPED = ['idx_memory_updated_at', 'idx_memory_type_updated', 'idx_sessions_updated'];

describe('R-O3 Runbook 1, database performance degradation', () => {
  const written = new Acknowledged();
  let onCall: OnCall;
  beforeAll(async () => {
    onCall = await OnCall.begin({
      page: '01-database-performance',
      // Here the tables are small: what would be slow with millions of rows takes milliseconds.
      environment: { ABATHUR_SLOW_READ_MS: '2' },
    });
    const { url } = onCall.server;
    await importMemories(url, 5000);
    await written.write(url, 'app:kept', 5);
    damage(onCall.path, DROPPED.map((name) => `DROP INDEX ${name};`).join(' '));
    for (let n = 0; n < 10; n++) expect((await fetch(`${url}/v1/memories?limit=20`)).status).toBe(200);
    await onCall.logged('slow-read');
  });
  afterAll(() => onCall?.end());

  it('is seen by the reads that the log names', async () => {
    await onCall.follow('First five minutes');
  });

  it('is found: indexes are missing, and a table is read from end to end', async () => {
    const seen = await onCall.follow('Diagnosis');
    for (const name of DROPPED) expect(seen).toContain(`missing  ${name}`);
  });

  it('is cured by making the indexes again, and counting', async () => {
    await onCall.follow('Make the indexes again');
    await onCall.follow('Count again', {}, 2);
    await onCall.follow('Verification');
    expect(await written.lost(onCall.server.url)).toEqual([]);
  });

  it('has left everything in order', async () => {
    expect(onCall.page.unrun).toEqual([]);
    await onCall.stop();
    expect(inspect(onCall.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});
