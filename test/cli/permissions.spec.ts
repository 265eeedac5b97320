import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CLI, type Ended } from '../support/cli.js';
import { livedFile, type LivedFile } from '../support/lived-file.js';
import { MAIN } from '../support/server.js';

/** Root may do everything: then it is somebody else who tries. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

// Where nobody may read the program itself, for instance below /root, there is nothing to try.
const runs = spawnSync(process.execPath, [CLI, '--version'], { ...NOBODY, cwd: '/' }).status === 0;
if (!runs) process.stderr.write('The specs of missing rights are left out: user 65534 may not run the program.\n');

(runs ? describe : describe.skip)('R-O9 Whoever may not do it', () => {
  let file: LivedFile;
  let closed: string;
  beforeAll(async () => {
    file = await livedFile(20);
    // The way there is open.
    for (const above of [file.directory, dirname(file.directory)]) chmodSync(above, 0o755);
    closed = join(file.directory, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    for (const suffix of ['', '-wal', '-shm', '-lock']) {
      writeFileSync(file.path + suffix, '', { flag: 'a' });
      chmodSync(file.path + suffix, 0o400);
    }
    chmodSync(file.path, 0o000);
    chmodSync(file.directory, 0o555);
  });
  afterAll(() => {
    for (const directory of [file.directory, closed]) chmodSync(directory, 0o700);
  });

  const run = async (script: string, args: string[], environment: Record<string, string>): Promise<Ended> => {
    const child = spawn(process.execPath, [script, ...args], {
      ...NOBODY,
      cwd: '/',
      env: { ...process.env, HOME: '/nonexistent', NODE_COMPILE_CACHE: '', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, out, err };
  };
  const told = ({ code, out, err }: Ended): { code: number | null; out: string; stack: boolean } => ({
    code,
    out,
    stack: /^ +at .*:\d+/m.test(err),
  });

  it.each([
    ['read the database', ['verify', '--file']],
    ['bring it up to date', ['migrate']],
    ['look how it stands', ['status', '--file']],
    ['check it', ['integrity', '--file']],
    ['back it up', ['backup']],
  ])('%s is told so in a line, with what to do: abathur %j', async (_, args) => {
    const ended = await run(CLI, args, { ABATHUR_DB_PATH: file.path, ABATHUR_BACKUP_DIR: join(closed, 'backups') });
    expect(told(ended)).toEqual({ code: 78, out: '', stack: false });
    expect(ended.err).toMatch(/cannot be (opened|written to).*\(\w+\)\.\n {2}Set ABATHUR_\w+ to /);
  });

  it('serve it, either, and that ends at once', async () => {
    const ended = await run(MAIN, [], { ABATHUR_DB_PATH: join(closed, 'a.db'), PORT: '0', ABATHUR_BALLAST_MB: '0' });
    expect({ ...told(ended), code: ended.code === 0 }).toEqual({ code: false, out: '', stack: false });
    expect(ended.err).toContain('cannot be opened as a file (');
  });
});
