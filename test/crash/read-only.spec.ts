import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { abathur } from '../support/cli.js';
import { DiskImage } from '../bench/disk-image.js';
import { inspect } from '../support/inspect.js';
import { expectProblem } from '../support/problem.js';
import { client, startServer, temporaryDirectory, type TestServer } from '../support/server.js';

const directory = temporaryDirectory();
let disk = DiskImage.make(directory, 96);
if (disk === undefined)
  process.stderr.write('The specs of a disk that takes no writes are left out: they mount one, which takes root.\n');

(disk === undefined ? describe.skip : describe)('On a disk that takes no writes any more, the server', () => {
  let server: TestServer;
  let answered = 0;
  const path = (): string => join(disk!.at, 'abathur.db');
  const put = (n: number) => client(server).put(`/v1/memories/app:disk/k${n}`).send({ value: { n } });
  beforeAll(async () => {
    server = await startServer({ ABATHUR_DB_PATH: path(), ABATHUR_BACKUP_DIR: join(directory, 'backups') });
    while (answered < 20) {
      await put(answered).expect(201);
      answered += 1;
    }
    disk!.fail();
  }, 180_000);
  afterAll(async () => {
    await server.kill();
    disk!.unmount();
  });

  it('refuses writes, says why and what to do', async () => {
    const answer = await put(answered);
    expectProblem(answer, 503, { code: 'storage-read-only' });
    expect(answer.body.detail).toContain('takes no writes');
    expect(answer.body.hint).toContain('Look at its disk');
    expect((await client(server).get(`/v1/memories/app:disk/k${answered}`)).status).toBe(404);
  });

  it('goes on reading, and is alive', async () => {
    for (const n of [0, answered - 1]) {
      const { body } = await client(server).get(`/v1/memories/app:disk/k${n}`).expect(200);
      expect(body.value).toEqual({ n });
    }
    await client(server).get('/v1/memories?limit=5').expect(200);
    await client(server).get('/health/live').expect(200);
    expect((await client(server).post('/v1/audit/verify')).body).toMatchObject({ ok: true });
  });

  it('ends when it is asked to, and cannot start there', async () => {
    await server.stop();
    await expect(startServer({ ABATHUR_DB_PATH: path() })).rejects.toThrow(
      /^The server ended with 1:\n[^\n]* takes no writes\. Look at its disk[^\n]*\n/,
    );
  });

  it('has everything that it answered when the disk is well again', async () => {
    disk!.unmount();
    const at = join(directory, 'mended');
    mkdirSync(at);
    disk = DiskImage.mount(disk!.file, at)!;
    const { events, ...rest } = inspect(path());
    expect(rest).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
    expect([...events.values()].filter(({ data }) => data.includes('"app:disk"'))).toHaveLength(answered);
    server = await startServer({ ABATHUR_DB_PATH: path() });
    await put(answered).expect(201);
    expect(await server.stop()).toBe(0);
  });

  it('of a disk that is mounted to be read, says what is wrong in one line', async () => {
    disk!.unmount();
    disk = DiskImage.mount(disk!.file, join(directory, 'mended'), 'loop,ro')!;
    await expect(startServer({ ABATHUR_DB_PATH: path() })).rejects.toThrow(/cannot be opened|takes no writes/);
    const { code, err } = await abathur(['migrate'], { ABATHUR_DB_PATH: path() });
    expect(code).toBe(78);
    expect(err).toMatch(
      /cannot be opened as a file \(\w+\)\.\n {2}Set ABATHUR_DB_PATH to a file that this user may write/,
    );
    expect(err).not.toMatch(/^ +at /m);
    expect(existsSync(path())).toBe(true);
  });
});
