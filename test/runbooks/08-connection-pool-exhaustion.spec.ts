import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Acknowledged } from '../support/acknowledged.js';
import { importMemories } from '../support/damage.js';
import { inspect } from '../support/inspect.js';
import { OnCall } from '../support/on-call.js';
import { until } from '../support/until.js';

describe('R-O3 Runbook 8, connection pool exhausted', () => {
  const written = new Acknowledged();
  let onCall: OnCall;
  /** Forty clients at once who ask for as much as a page may hold; the codes of those who were refused. */
  const crowd = async (): Promise<string[]> => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => fetch(`${onCall.server.url}/v1/memories?limit=1000`)),
    );
    const bodies = await Promise.all(answers.map((answer) => answer.json() as Promise<{ code?: string }>));
    return bodies.flatMap(({ code }) => code ?? []);
  };
  beforeAll(async () => {
    onCall = await OnCall.begin({
      page: '08-connection-pool-exhaustion',
      environment: { ABATHUR_DB_POOL_MIN: '1', ABATHUR_SLOW_READ_MS: '1' },
    });
    // Settings as somebody has left them.
    await onCall.configure({ ABATHUR_DB_POOL_MAX: '1', ABATHUR_DB_POOL_TIMEOUT_MS: '20' });
    await importMemories(onCall.server.url, 2000);
    await written.write(onCall.server.url, 'app:kept', 5);
  });
  afterAll(() => onCall?.end());

  it('is seen: reads are refused, while health and single reads are answered', async () => {
    const refused = await until('a refused read', async () => {
      const [codes, live, one] = await Promise.all([
        crowd(),
        fetch(`${onCall.server.url}/health/live`),
        fetch(`${onCall.server.url}/v1/memories/app:kept/k1`),
      ]);
      expect({ live: live.status, one: one.status }).toEqual({ live: 200, one: 200 });
      return codes.length > 0 && codes;
    });
    expect(new Set(refused)).toEqual(new Set(['pool-exhausted']));
    expect(await onCall.metric('abathur_db_pool_acquire_timeouts_total')).toBeGreaterThan(0);
    await onCall.logged('slow-read');
  });

  it('is found: there is one reader, and what holds it', async () => {
    await onCall.follow('First five minutes');
    await onCall.follow('Diagnosis');
  });

  it('is cured by more readers: the same crowd is served', async () => {
    await onCall.follow('Give it more readers');
    await onCall.follow('Ask for less');
    expect(await crowd()).toEqual([]);
    await onCall.follow('Verification');
    expect(await written.lost(onCall.server.url)).toEqual([]);
  });

  it('has left everything in order', async () => {
    expect(onCall.page.unrun).toEqual([]);
    await onCall.stop();
    expect(inspect(onCall.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});
