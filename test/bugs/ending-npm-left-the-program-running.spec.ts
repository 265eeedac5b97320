import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from '@jest/globals';
import { temporaryDirectory } from '../support/server.js';
import { until } from '../support/until.js';

/** A checkout with the launcher in it; the program says that it is there, and when it is asked to end. */
function checkout(): string {
  const directory = temporaryDirectory();
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  };
  write('package.json', '{"type": "module"}');
  const lock = '{}';
  for (const file of ['package-lock.json', 'tsconfig.json', 'nest-cli.json']) write(file, lock);
  write('node_modules/@nestjs/cli/bin/nest.js', '');
  write(
    'node_modules/.abathur-install',
    // The digest of the lock file, as the launcher leaves it after an install.
    '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  );
  mkdirSync(join(directory, 'node_modules/node/bin'), { recursive: true });
  symlinkSync(process.execPath, join(directory, 'node_modules/node/bin/node'));
  write(
    'dist/apps/api/main.js',
    `import { writeFileSync } from 'node:fs';
     process.on('SIGTERM', () => { writeFileSync('ended', ''); process.exit(); });
     writeFileSync('begun', String(process.pid));
     setTimeout(() => process.exit(), 120_000);`,
  );
  cpSync('apps/launch.mjs', join(directory, 'apps/launch.mjs'));
  return directory;
}

it('npm that is ended takes along what it has started, though the shell between them tells nobody', async () => {
  const directory = checkout();
  const shell = spawn('sh', ['-c', `'${process.execPath}' apps/launch.mjs start; exit`], {
    cwd: directory,
    env: { ...process.env, npm_lifecycle_event: 'start' },
    stdio: 'ignore',
  });
  const exited = once(shell, 'exit');
  await until('the program runs', () => existsSync(join(directory, 'begun')));
  shell.kill('SIGKILL');
  await exited;
  await until('the program was asked to end', () => existsSync(join(directory, 'ended')));
  expect(Number(readFileSync(join(directory, 'begun'), 'utf8'))).toBeGreaterThan(1);
});
