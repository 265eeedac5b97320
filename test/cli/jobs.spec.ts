import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, startServer, type TestServer } from '../support/server.js';

const CLI = join(process.cwd(), 'dist/apps/cli/main.js');

describe('R-O9 abathur jobs', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  const abathur = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'jobs', ...args], {
      encoding: 'utf8',
      env: { ...process.env, ABATHUR_DB_PATH: server.path, PORT: String(server.port) },
    });
    return { status, stdout, stderr };
  };

  it('lists what there is, for people and for scripts', () => {
    const { status, stdout } = abathur('list');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^expire-memories {2}10 3 \* \* \* {2}next .+Z {2}never run\n {2}Lets memories fade/m);
    expect(JSON.parse(abathur('list', '--json').stdout)).toMatchObject({
      jobs: expect.arrayContaining([expect.objectContaining({ name: 'expire-memories' })]),
    });
  });

  it('runs a job and waits for what comes of it', () => {
    expect(abathur('run', 'expire-memories', '--dry-run').stdout).toMatch(/has succeeded\.\n\{\n {2}"expired": 0/);
    const { status, stdout } = abathur('run', 'expire-memories', '--json');
    expect([status, JSON.parse(stdout)]).toMatchObject([0, { status: 'succeeded', result: { expired: 0, ids: [] } }]);
  });

  it('changes when a job runs, and switches it off and on', () => {
    const set = abathur('set', 'expire-memories', '--schedule', '30 4 * * *', '--enabled', 'off');
    expect([set.status, set.stdout]).toEqual([0, expect.stringContaining('30 4 * * *  switched off')]);
    expect(JSON.parse(abathur('set', 'expire-memories', '--enabled', 'on', '--json').stdout)).toMatchObject({
      schedule: '30 4 * * *',
      enabled: true,
    });
  });

  it.each([
    [['run', 'nothing'], 1, /no job nothing[\s\S]*Jobs: /],
    [['run'], 64, /missing required argument/],
    [['set', 'expire-memories'], 64, /Give --schedule or --enabled/],
    [['set', 'expire-memories', '--enabled', 'perhaps'], 64, /Give on or off/],
    [['set', 'expire-memories', '--schedule', 'daily'], 65, /has 1 fields/],
  ])('says what is wrong with %j', (args, status, message) => {
    const ended = abathur(...args);
    expect([ended.status, ended.stdout]).toEqual([status, '']);
    expect(ended.stderr).toMatch(message);
  });

  it('says that it needs a server where there is none', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    expect(abathur('list', '--url', url)).toMatchObject({ status: 69, stderr: expect.stringContaining('npm start') });
  });
});
