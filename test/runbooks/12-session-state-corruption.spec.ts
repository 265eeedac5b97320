import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { damage } from '../support/damage.js';
import { inspect } from '../support/inspect.js';
import { OnCall } from '../support/on-call.js';
import { client } from '../support/server.js';

describe('R-O3 Runbook 12, session state corruption', () => {
  const variables = { SESSION: 's1' };
  let onCall: OnCall;
  const stateOf = async (session: string): Promise<unknown> =>
    ((await client(onCall.server).get(`/v1/sessions/${session}`).expect(200)).body as { state: unknown }).state;
  beforeAll(async () => {
    onCall = await OnCall.begin({ page: '12-session-state-corruption' });
    const api = client(onCall.server);
    for (const session_id of ['s1', 's2']) {
      await api.post('/v1/sessions').send({ session_id, app_name: 'planner', user_id: 'alice' }).expect(201);
      const event = { event_type: 'message', actor: 'user', content: { text: 'go' }, state_delta: { step: 'draft' } };
      await api.post(`/v1/sessions/${session_id}/events`).send(event).expect(201);
    }
    damage(onCall.path, `UPDATE scoped_state SET value = '"corrupted"' WHERE owner LIKE '%s1%' AND key = 'step'`);
  });
  afterAll(() => onCall?.end());

  it('is seen by the client', async () => {
    expect(await onCall.follow('First five minutes', variables)).toContain('corrupted');
    expect(await stateOf('s2')).toEqual({ step: 'draft' });
  });

  it('is found: one row differs from what the log makes of it', async () => {
    await onCall.follow('Diagnosis', variables);
  });

  it('is cured by the log, and other sessions are as they were', async () => {
    await onCall.follow('The table is wrong', variables, 2);
    expect(await stateOf('s1')).toEqual({ step: 'draft' });
    await onCall.follow('The state is right, but not wanted', variables);
    await onCall.follow('Verification', variables);
    expect(await stateOf('s1')).toEqual({ step: 'checked' });
    expect(await stateOf('s2')).toEqual({ step: 'draft' });
  });

  it('has left everything in order', async () => {
    expect(onCall.page.unrun).toEqual([]);
    await onCall.stop();
    expect(inspect(onCall.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});
