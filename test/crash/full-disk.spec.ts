import { spawnSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { abathur } from '../support/cli.js';
import { inspect } from '../support/inspect.js';
import { expectProblem } from '../support/problem.js';
import { client, startServer, temporaryDirectory, type TestServer } from '../support/server.js';

const disk = temporaryDirectory();
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', disk]).status === 0;
if (!mounted)
  process.stderr.write('The specs of a full disk are left out: they mount a small one, which takes root.\n');

(mounted ? describe : describe.skip)('D14 On a disk that becomes full, the server', () => {
  const path = join(disk, 'abathur.db');
  const environment = { ABATHUR_DB_PATH: path, ABATHUR_BACKUP_DIR: join(disk, 'backups'), ABATHUR_BALLAST_MB: '6' };
  const filler = join(disk, 'filler');
  let server: TestServer;
  let answered = 0;
  beforeAll(async () => {
    server = await startServer(environment);
    while (!server.output().includes('ballast-laid') && ballast() === 0) await pause(50);
  }, 60_000);
  afterAll(async () => {
    await server.kill();
    spawnSync('umount', [disk]);
  });

  const ballast = (): number =>
    Number(spawnSync('stat', ['-c', '%s', `${path}-ballast`], { encoding: 'utf8' }).stdout || 0);
  const free = (): number => {
    const { bavail, bsize } = statfsSync(disk);
    return bavail * bsize;
  };
  const put = (n: number) =>
    client(server)
      .put(`/v1/memories/app:full/k${n}`)
      .send({ value: { text: 'word '.repeat(2000), n } });

  it('answers writes with 507 and says what to do, and nothing of them is there', async () => {
    writeFileSync(filler, Buffer.alloc(free() - 3 * 1024 * 1024));
    let refused: Awaited<ReturnType<typeof put>> | undefined;
    while (refused === undefined) {
      const answer = await put(answered);
      if (answer.status === 201) answered += 1;
      else refused = answer;
    }
    expectProblem(refused, 507, { code: 'storage-full' });
    expect(refused.body.hint).toContain('abathur ballast release');
    expect((await client(server).get(`/v1/memories/app:full/k${answered}`)).status).toBe(404);
  }, 60_000);

  it('goes on reading, and is alive', async () => {
    const { status, body } = await client(server).get(`/v1/memories/app:full/k${answered - 1}`);
    expect({ status, body }).toMatchObject({ status: 200, body: { value: { n: answered - 1 } } });
    expect((await client(server).get('/v1/memories?limit=5')).status).toBe(200);
    expect((await client(server).get('/health/live')).status).toBe(200);
  });

  it('refuses a backup for which there is no room, and says how much is missing', async () => {
    const { code, err } = await abathur(['backup'], environment);
    expect(code).toBe(69);
    expect(err).toMatch(/A backup into .* needs [\d.,]+ MB, [\d.,]+ [KM]B are free: [\d.,]+ MB are missing\./);
  });

  it('writes again when the ballast is given up, without a restart', async () => {
    const { code, out } = await abathur(['ballast', 'release'], environment);
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringMatching(/^6 MB released; /) });
    expect((await put(answered)).status).toBe(201);
    answered += 1;
    rmSync(filler);
    expect((await put(answered)).status).toBe(201);
    answered += 1;
  });

  it('has everything that it answered, and nothing is out of order', async () => {
    expect(await server.stop()).toBe(0);
    const { events, ...rest } = inspect(path);
    expect(rest).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
    const kept = [...events.values()].filter(({ data }) => data.includes('word word')).length;
    expect(kept).toBe(answered);
  });
});

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
