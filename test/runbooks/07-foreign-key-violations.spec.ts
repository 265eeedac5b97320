import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Acknowledged } from '../support/acknowledged.js';
import { damage } from '../support/damage.js';
import { inspect } from '../support/inspect.js';
import { OnCall } from '../support/on-call.js';
import { client } from '../support/server.js';

describe('R-O3 Runbook 7, foreign key violations', () => {
  const written = new Acknowledged();
  let onCall: OnCall;
  beforeAll(async () => {
    onCall = await OnCall.begin({ page: '07-foreign-key-violations' });
    const api = client(onCall.server);
    await api.post('/v1/sessions').send({ session_id: 's1', app_name: 'planner', user_id: 'alice' }).expect(201);
    const task = { session_id: 's1', agent_type: 'coder', prompt: 'Write it down.', input_data: {} };
    await api.post('/v1/tasks').send(task).expect(201);
    await written.write(onCall.server.url, 'app:kept', 5);
    damage(onCall.path, `DELETE FROM sessions WHERE session_id = 's1'`);
  });
  afterAll(() => onCall?.end());

  it('is seen in the report, the metric and the health of the program', async () => {
    await onCall.follow('First five minutes');
    const metrics = await (await fetch(`${onCall.server.url}/metrics`)).text();
    expect(metrics).toContain('abathur_integrity_check_ok{check="foreign-keys"} 0');
    expect(await onCall.health('integrity')).toMatchObject({
      status: 'degraded',
      reason: expect.stringContaining('the check of foreign-keys found 1 flaw'),
    });
  });

  it('is found: a row of sessions is gone that the log has', async () => {
    await onCall.follow('Diagnosis');
  });

  it('is cured by the log, twice as well as once', async () => {
    await onCall.follow('Resolution', {}, 2);
    await onCall.follow('Verification');
    expect((await fetch(`${onCall.server.url}/v1/sessions/s1`)).status).toBe(200);
    expect(await onCall.health('integrity')).toMatchObject({ status: 'ok' });
    expect(await written.lost(onCall.server.url)).toEqual([]);
  });

  it('has left everything in order', async () => {
    expect(onCall.page.unrun).toEqual([]);
    await onCall.stop();
    expect(inspect(onCall.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});
