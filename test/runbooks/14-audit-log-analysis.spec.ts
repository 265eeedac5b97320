import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Acknowledged } from '../support/acknowledged.js';
import { abathur } from '../support/cli.js';
import { forgeEntry } from '../support/damage.js';
import { inspect } from '../support/inspect.js';
import { OnCall } from '../support/on-call.js';
import { client, temporaryDirectory } from '../support/server.js';

describe('R-O3 Runbook 14, audit log analysis', () => {
  const written = new Acknowledged();
  const variables: Record<string, string> = {
    NAMESPACE: 'user:alice',
    KEY: 'k3',
    OPERATION: 'mass-delete-1',
    SCRATCH: temporaryDirectory(),
  };
  let onCall: OnCall;
  const head = async (): Promise<number> => onCall.metric('abathur_log_position');
  beforeAll(async () => {
    onCall = await OnCall.begin({ page: '14-audit-log-analysis' });
    const { url } = onCall.server;
    await written.write(url, 'user:alice', 6);
    await written.write(url, 'user:bob', 3);
    variables['BEFORE'] = String(await head());
    // Somebody deletes all that alice has, under one correlation id.
    for (let n = 0; n < 6; n++) {
      const request = client(onCall.server).delete(`/v1/memories/user:alice/k${n}`);
      await request.set('X-Correlation-Id', 'mass-delete-1').expect(204);
    }
    variables['AFTER'] = String(await head());
  });
  afterAll(() => onCall?.end());

  it('the log is whole before it is believed', async () => {
    await onCall.follow('First five minutes');
  });

  it('tells who did what to a memory, and what else was done in the same operation', async () => {
    const seen = await onCall.follow('What happened to this memory, and who did it', variables);
    expect(seen).toContain('mass-delete-1');
    const operation = await onCall.follow('What else was done in the same operation', variables);
    expect(operation.match(/MemoryDeleted/g)).toHaveLength(6);
    const diff = await onCall.follow('What was different before and after', variables);
    expect(diff.match(/^deleted /gm)).toHaveLength(6);
  });

  it('takes back exactly what that operation did', async () => {
    await onCall.follow('Take back what an operation did', variables);
    expect(await written.lost(onCall.server.url)).toEqual([]);
  });

  it('hands over evidence that holds without us', async () => {
    await onCall.follow('Hand over evidence', variables);
  });

  it('names the entry that somebody changed with a shell, and has it back from a backup', async () => {
    expect((await abathur(['backup'], onCall.environment)).code).toBe(0);
    const changed = Number(variables['BEFORE']) + 2;
    forgeEntry(onCall.path, changed, `actor = 'nobody'`);
    const seen = await onCall.follow('Which entry was changed by somebody with a shell');
    expect(seen).toContain(`The chain is broken at ${changed}: `);
    await onCall.follow('The log was changed');
    await onCall.follow('Verification');
    expect(await written.lost(onCall.server.url)).toEqual([]);
  });

  it('has left everything in order', async () => {
    expect(onCall.page.unrun).toEqual([]);
    await onCall.stop();
    expect(inspect(onCall.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});
