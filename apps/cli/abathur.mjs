#!/usr/bin/env node
// The command `abathur`. Plain JavaScript that any Node since 18 can read: started by one that is too old, it hands
// over to the Node that the project brings.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST = [22, 12];
/** From sysexits(3). */
const EX_UNAVAILABLE = 69;

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const main = join(root, 'dist', 'apps', 'cli', 'main.js');
const own = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

if (!existsSync(main)) giveUp(`${main} is not there yet.`, `Build it: npm run build --prefix ${root}`);
else if (isNewEnough(process.versions.node)) await import(main);
else if (existsSync(own)) handOver();
else {
  giveUp(
    `abathur needs Node ${OLDEST.join('.')} or newer; this is ${process.versions.node}.`,
    `Run npm ci in ${root}: it brings a Node of its own. Or install a newer one.`,
  );
}

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

function handOver() {
  const child = spawn(own, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}

function giveUp(what, hint) {
  process.stderr.write(`${what}\n  ${hint}\n`);
  process.exitCode = EX_UNAVAILABLE;
}
