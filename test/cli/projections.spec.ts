import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { lockForRebuild } from '#projections';
import { damage, importMemories } from '../support/damage.js';
import { freePort, startServer, temporaryDirectory, type TestServer } from '../support/server.js';

const CLI = join(process.cwd(), 'dist/apps/cli/main.js');

describe('R-A5 R-O9 abathur projections', () => {
  let server: TestServer;
  let nowhere: number;
  beforeAll(async () => {
    nowhere = await freePort();
    server = await startServer();
    await importMemories(server.url, 2000);
  });
  afterAll(() => server.kill());

  async function abathur(...args: string[]) {
    const child = spawn(process.execPath, [CLI, 'projections', ...args], {
      env: {
        ...process.env,
        PORT: String(server.process.exitCode === null ? server.port : nowhere),
        ABATHUR_DB_PATH: server.path,
      },
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, out, err };
  }

  const BREAK = `DELETE FROM memory_entries WHERE id = (SELECT max(id) FROM memory_entries)`;

  const walk = (where: RegExp): void => {
    it('lists them, and says where it looked', async () => {
      const { code, out, err } = await abathur('list');
      expect(code).toBe(0);
      expect(err).toMatch(where);
      expect(out).toMatch(/^memories +inline +at [\d,]+ +[\d,]+ rows +running$/m);
      const { out: json } = await abathur('list', '--json');
      expect(JSON.parse(json)).toMatchObject({
        projections: expect.arrayContaining([expect.objectContaining({ name: 'search', mode: 'catch-up' })]),
      });
    });

    it('compares, ends with 1 where tables differ, and changes nothing', async () => {
      expect(await abathur('rebuild', 'memories', '--check')).toMatchObject({
        code: 0,
        out: expect.stringContaining('row for row what the log makes of them'),
      });
      damage(server.path, BREAK);
      const { code, out } = await abathur('rebuild', 'all', '--check', '--json');
      expect(code).toBe(1);
      expect(JSON.parse(out)).toMatchObject({ equal: false, differences: [{ table: 'memory_entries', missing: 1 }] });
    });

    it('rebuilds, shows how far it is, and tells what it exchanged', async () => {
      const { code, out, err } = await abathur('rebuild', 'all');
      expect({ code, err }).toEqual({ code: 0, err: expect.stringMatching(/Rebuilding: 100 %, [\d,]+ of [\d,]+, /) });
      expect(out).toMatch(
        /memory_entries: 0 changed, 1 missing, 0 too many\nExchanged memory_entries, .*; writes waited /,
      );
    });

    it('tells which events are parked and tries them again', async () => {
      expect(await abathur('parked', 'activity')).toMatchObject({ code: 0, out: 'None is parked.\n' });
      damage(
        server.path,
        `INSERT INTO parked_events (projection, position, reason, attempts, parked_at) VALUES ('activity', 2, 'too bitter', 1, 'x')`,
      );
      expect(await abathur('parked', 'activity')).toMatchObject({
        code: 1,
        out: expect.stringMatching(/^2 \w+: too bitter/),
      });
      expect(await abathur('retry', 'activity')).toMatchObject({ code: 0, out: '1 of 1 parked events went well.\n' });
      expect((await abathur('rebuild', 'activity')).code).toBe(0);
    });

    it('knows which there are', async () => {
      const answers = await Promise.all(['rebuild', 'parked', 'retry'].map((verb) => abathur(verb, 'none')));
      for (const { code, err } of answers) {
        expect([1, 65]).toContain(code);
        expect(err).toContain('There is no projection none.');
      }
    });

    it('waits for nobody who rebuilds already', async () => {
      const lock = lockForRebuild(server.path);
      const { code, err } = await abathur('rebuild', 'all', '--json');
      lock.release();
      expect(code).toBe(65);
      expect(JSON.parse(err)).toMatchObject({ error: { code: 'rebuild-running' } });
    });
  };

  describe('with a server that has the file open', () => {
    walk(/^Asking the server at http/);
  });

  describe('without a server', () => {
    beforeAll(async () => {
      await server.stop();
    });
    walk(/^Reading the file /);

    it('stops when it is asked to, and leaves the tables as they were', async () => {
      damage(server.path, BREAK);
      const child = spawn(process.execPath, [CLI, 'projections', 'rebuild', 'all', '--json'], {
        env: { ...process.env, PORT: String(nowhere), ABATHUR_DB_PATH: server.path },
      });
      while (!existsSync(`${server.path}-rebuild`)) await new Promise((resolve) => setTimeout(resolve, 5));
      child.kill('SIGINT');
      const [code] = (await once(child, 'close')) as [number | null];
      expect([0, 130]).toContain(code);
      expect((await abathur('rebuild', 'all')).code).toBe(0);
      expect((await abathur('rebuild', 'all', '--check')).code).toBe(0);
    });

    it('refuses what is no database, and one that is not there', async () => {
      const path = join(temporaryDirectory(), 'diary.txt');
      writeFileSync(path, 'This is a diary, not a database.'.repeat(200));
      for (const verb of [['list'], ['rebuild', 'all'], ['parked', 'activity'], ['retry', 'activity']]) {
        expect(await abathur(...verb, '--file', path)).toMatchObject({
          code: 69,
          err: expect.stringContaining('is not a usable SQLite database'),
        });
        expect(await abathur(...verb, '--file', `${path}.none`)).toMatchObject({ code: 66 });
      }
    });
  });
});
