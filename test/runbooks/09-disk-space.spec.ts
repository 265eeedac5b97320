import { spawnSync } from 'node:child_process';
import { existsSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Acknowledged } from '../support/acknowledged.js';
import { inspect } from '../support/inspect.js';
import { OnCall } from '../support/on-call.js';
import { temporaryDirectory } from '../support/server.js';
import { until } from '../support/until.js';

const MEGABYTE = 1024 * 1024;

describe('R-O3 Runbook 9, disk space exhausted', () => {
  const disk = temporaryDirectory();
  const filler = join(disk, 'filler');
  const written = new Acknowledged();
  let onCall: OnCall;
  const free = (): number => {
    const { bavail, bsize } = statfsSync(disk);
    return bavail * bsize;
  };
  const put = (key: string): Promise<number> =>
    written.put(onCall.server.url, 'app:full', key, { text: `${key} ${'x'.repeat(100_000)}` });
  beforeAll(async () => {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', disk], { encoding: 'utf8' });
    if (mounted.status !== 0) throw new Error(`This spec mounts a small disk, which takes root: ${mounted.stderr}`);
    onCall = await OnCall.begin({ page: '09-disk-space', directory: disk, environment: { ABATHUR_BALLAST_MB: '8' } });
    await until('the ballast', () => existsSync(`${onCall.path}-ballast`));
    writeFileSync(filler, Buffer.alloc(free() - 3 * MEGABYTE));
  });
  afterAll(async () => {
    await onCall?.end();
    spawnSync('umount', [disk]);
  });

  it('is seen: below 10 % first, then writes are refused with 507, and reads go on', async () => {
    const [available, size] = [
      await onCall.metric('abathur_data_disk_avail_bytes'),
      await onCall.metric('abathur_data_disk_size_bytes'),
    ];
    expect(available / size).toBeLessThan(0.1);
    let status = 201;
    for (let n = 0; status === 201; n++) status = await put(`k${n}`);
    expect(status).toBe(507);
    expect(await written.lost(onCall.server.url)).toEqual([]);
    await onCall.follow('First five minutes');
  });

  it('is found: what is not ours fills it, and the ballast is still there', async () => {
    await onCall.follow('Diagnosis');
  });

  it('is cured without a restart', async () => {
    await onCall.follow('Make room', { LARGE_FILE: filler });
    await onCall.follow('Verification');
    expect(await put('after')).toBe(201);
    expect(await written.lost(onCall.server.url)).toEqual([]);
  });

  it('has left everything in order', async () => {
    expect(onCall.page.unrun).toEqual([]);
    await onCall.stop();
    expect(inspect(onCall.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});
