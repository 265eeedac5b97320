import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Acknowledged } from '../support/acknowledged.js';
import { inspect } from '../support/inspect.js';
import { expel, intrude } from '../support/intruders.js';
import { OnCall } from '../support/on-call.js';
import { until } from '../support/until.js';

describe('R-O3 Runbook 11, concurrent access and deadlocks', () => {
  const written = new Acknowledged();
  let onCall: OnCall;
  let holder: ChildProcess;
  beforeAll(async () => {
    onCall = await OnCall.begin({ page: '11-deadlocks' });
    await written.write(onCall.server.url, 'app:before', 20);
    holder = await until('the lock', () => intrude('holder-of-the-lock', onCall.path));
  });
  afterAll(async () => {
    await expel(holder);
    await onCall?.end();
  });

  it('is seen: writes are refused, reads go on', async () => {
    const { url } = onCall.server;
    expect(await written.put(url, 'app:during', 'k', { text: 'in vain' })).toBe(503);
    expect((await fetch(`${url}/v1/memories/app:before/k1`)).status).toBe(200);
    expect((await fetch(`${url}/v1/memories/app:during/k`)).status).toBe(404);
    await onCall.follow('First five minutes');
  });

  it('is found: the page names the process that holds the lock', async () => {
    const seen = await onCall.follow('Diagnosis', { HOLDER_PID: String(holder.pid) });
    expect(seen).toContain(`Process ${holder.pid} holds the write lock`);
  });

  it('is cured by ending the holder, without a restart', async () => {
    await onCall.follow('End the holder', { HOLDER_PID: String(holder.pid) });
    await onCall.follow('Verification');
    expect(await written.put(onCall.server.url, 'app:after', 'k', { text: 'kept' })).toBe(201);
    expect(await written.lost(onCall.server.url)).toEqual([]);
  });

  it('has left everything in order', async () => {
    expect(onCall.page.unrun).toEqual([]);
    await onCall.stop();
    expect(inspect(onCall.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});
