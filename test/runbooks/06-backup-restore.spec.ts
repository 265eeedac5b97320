import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Acknowledged } from '../support/acknowledged.js';
import { abathur } from '../support/cli.js';
import { inspect } from '../support/inspect.js';
import { OnCall } from '../support/on-call.js';
import { temporaryDirectory } from '../support/server.js';

describe('R-O3 Runbook 6, backup and restore', () => {
  const written = new Acknowledged();
  const variables = { SCRATCH: temporaryDirectory() };
  let onCall: OnCall;
  beforeAll(async () => {
    onCall = await OnCall.begin({ page: '06-backup-restore' });
    await written.write(onCall.server.url, 'app:kept', 20);
    expect((await abathur(['backup'], onCall.environment)).code).toBe(0);
    damageNewest(onCall.environment['ABATHUR_BACKUP_DIR']!);
  });
  afterAll(() => onCall?.end());

  it('a backup is there', async () => {
    await onCall.follow('First five minutes');
  });

  it('a damaged backup is found out without touching the service', async () => {
    await onCall.follow('Diagnosis', variables);
    expect(readdirSync(variables.SCRATCH)).not.toContain('check.db');
    expect(await written.lost(onCall.server.url)).toEqual([]);
  });

  it('a new one is taken while somebody writes, and a database that is gone comes back from it', async () => {
    await written.write(onCall.server.url, 'app:later', 20);
    await onCall.follow('Take a new one');
    expect(await onCall.metric('abathur_backup_last_success_timestamp_seconds')).toBeGreaterThan(0);
    await onCall.server.kill();
    for (const suffix of ['', '-wal', '-shm']) rmSync(onCall.path + suffix, { force: true });
    await onCall.follow('Restore');
    await onCall.follow('Verification');
    expect(await written.lost(onCall.server.url)).toEqual([]);
  });

  it('has left everything in order', async () => {
    expect(onCall.page.unrun).toEqual([]);
    await onCall.stop();
    expect(inspect(onCall.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});

/** One byte in the middle of what was packed. */
function damageNewest(shelf: string): void {
  const [newest] = readdirSync(shelf)
    .filter((name) => !name.startsWith('.'))
    .toSorted()
    .toReversed();
  const { packed } = JSON.parse(readFileSync(join(shelf, newest!, 'manifest.json'), 'utf8')) as {
    packed: { file: string };
  };
  const file = join(shelf, newest!, packed.file);
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(file, bytes);
}
