import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Acknowledged } from '../support/acknowledged.js';
import { inspect } from '../support/inspect.js';
import { expel, intrude } from '../support/intruders.js';
import { OnCall } from '../support/on-call.js';

/** Bytes that the log has at most by itself, and some. */
const ORDINARY = 8 * 1024 * 1024;

describe('R-O3 Runbook 2, WAL file growing too large', () => {
  const written = new Acknowledged();
  let onCall: OnCall;
  let reader: ChildProcess;
  let variables: Record<string, string>;
  const write = (namespace: string): Promise<void> =>
    written.write(onCall.server.url, namespace, 40, (n) => `${n} ${'x'.repeat(200_000)}`);
  beforeAll(async () => {
    onCall = await OnCall.begin({ page: '02-wal-growth' });
    reader = await intrude('reader-that-never-ends', onCall.path);
    await write('app:large');
    variables = { READER_PID: String(reader.pid) };
  });
  afterAll(async () => {
    await expel(reader);
    await onCall?.end();
  });

  it('is seen in the metric, which does not come down again', async () => {
    expect(await onCall.metric('abathur_db_wal_size_bytes')).toBeGreaterThan(ORDINARY);
  });

  it('is found: the page names the process that holds it up', async () => {
    expect(await onCall.follow('First five minutes')).toContain(`Process ${reader.pid} reads as of frame`);
    await onCall.follow('Diagnosis', variables);
  });

  it('is cured by ending the reader and folding the log back, twice as well as once', async () => {
    await onCall.follow('End the reader', variables);
    await onCall.follow('Fold it back', {}, 2);
    await onCall.follow('Verification');
    await write('app:after');
    expect(await onCall.metric('abathur_db_wal_size_bytes')).toBeLessThan(ORDINARY);
    expect(await written.lost(onCall.server.url)).toEqual([]);
  });

  it('is prevented by the smaller threshold, which the program reports', async () => {
    await onCall.follow('Prevention');
    expect(await onCall.health('database')).toMatchObject({
      status: 'ok',
      details: { pragmas: { wal_autocheckpoint: 500 } },
    });
  });

  it('has left everything in order', async () => {
    expect(onCall.page.unrun).toEqual([]);
    await onCall.stop();
    expect(inspect(onCall.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});
