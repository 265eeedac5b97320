import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Acknowledged } from '../support/acknowledged.js';
import { damage } from '../support/damage.js';
import { inspect } from '../support/inspect.js';
import { OnCall } from '../support/on-call.js';

const MANY = 2000;

describe('R-O3 Runbook 13, namespace query performance', () => {
  const written = new Acknowledged();
  const variables = { NAMESPACE: 'user:crowded' };
  let onCall: OnCall;
  const count = async (prefix: string): Promise<number> => {
    const answer = await fetch(
      `${onCall.server.url}/v1/memories?namespace_prefix=${encodeURIComponent(prefix)}&limit=1000`,
    );
    return answer.ok ? ((await answer.json()) as { items: unknown[] }).items.length : -answer.status;
  };
  beforeAll(async () => {
    onCall = await OnCall.begin({ page: '13-namespace-query-performance', environment: { ABATHUR_SLOW_READ_MS: '1' } });
    const { url } = onCall.server;
    const line = (n: number): string =>
      `${JSON.stringify({ namespace: `user:crowded:k${n % 10}`, key: `k${n}`, value: { text: `fact ${n}` } })}\n`;
    const imported = await fetch(`${url}/v1/memories/import`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: Array.from({ length: MANY }, (_, n) => line(n)).join(''),
    });
    expect(imported.status).toBe(200);
    await written.write(url, 'user:crowdedness', 3);
    damage(onCall.path, 'DROP INDEX idx_memory_namespace_prefix');
    expect(await count('user:crowded')).toBe(1000);
    await onCall.logged('slow-read');
  });
  afterAll(() => onCall?.end());

  it('is seen by what the prefix holds', async () => {
    await onCall.follow('First five minutes', variables);
  });

  it('is found: another index is used, because the right one is missing', async () => {
    await onCall.follow('Diagnosis', variables);
  });

  it('never was a matter of what is found: whole segments only, and no wildcards', async () => {
    expect(await count('user:crowdednes')).toBe(0);
    expect(await count('user:crowdedness')).toBe(3);
    for (const hostile of ['user:%', 'user:crowde_', 'user:*']) expect(await count(hostile)).toBeLessThanOrEqual(0);
  });

  it('is cured by making the index anew, and by asking for less', async () => {
    await onCall.follow('Make its index anew', variables, 2);
    await onCall.follow('Ask for less', variables);
    await onCall.follow('Verification', variables);
    expect(await written.lost(onCall.server.url)).toEqual([]);
  });

  it('has left everything in order', async () => {
    expect(onCall.page.unrun).toEqual([]);
    await onCall.stop();
    expect(inspect(onCall.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});
