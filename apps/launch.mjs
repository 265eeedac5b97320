#!/usr/bin/env node
// Makes `npm start`, `npm test` and the other scripts work on a fresh checkout: installs what is missing, builds what
// has changed, then goes on with the Node that the project brings. Plain JavaScript that Node 18 can read.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const node = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
const stamps = { install: join(root, 'node_modules', '.abathur-install'), build: join(root, 'dist', '.abathur-build') };

const goals = {
  start: ['dist/apps/api/main.js'],
  worker: ['dist/apps/worker/main.js'],
  cli: [join(root, 'dist/apps/cli/main.js')],
  test: ['node_modules/jest/bin/jest.js'],
  'test:ops': ['node_modules/jest/bin/jest.js', '--config', 'test/ops/jest.config.mjs'],
  bench: ['dist/test/bench/main.js'],
  faults: ['dist/test/bench/main.js', 'crashes', 'power'],
  build: [],
};

const [goal = 'start', ...args] = process.argv.slice(2);
if (!(goal in goals)) {
  console.error(`launch: ${goal} is not one of ${Object.keys(goals).join(', ')}`);
  process.exit(64);
}

install();
build();
if (goal !== 'build') run([...goals[goal], ...args]);

function install() {
  const want = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(node) && read(stamps.install) === want) return;
  step('Installing packages (once)', 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  if (!existsSync(node))
    fail(`The install brought no Node: ${node} is missing. Are install scripts switched off in your npm?`);
  writeFileSync(stamps.install, want);
}

function build() {
  const sources = ['apps', 'libs', 'test/bench'].flatMap((folder) => files(join(root, folder)));
  const configs = ['package-lock.json', 'tsconfig.json', 'nest-cli.json'].map((file) => join(root, file));
  const want = digest([...sources, ...configs], (file) => `${statSync(file).mtimeMs} ${statSync(file).size}`);
  if (read(stamps.build) === want) return;
  step('Building', node, [join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js'), 'build']);
  mkdirSync(dirname(stamps.build), { recursive: true });
  writeFileSync(stamps.build, want);
}

function run(command) {
  // What a request makes is short-lived: a small nursery is swept as well as a large one, and takes 50 MB less.
  const flags = goal.startsWith('test') ? ['--experimental-vm-modules', '--no-warnings'] : ['--max-semi-space-size=4'];
  const child = spawn(node, [...flags, ...command], {
    cwd: goal === 'cli' ? process.cwd() : root,
    stdio: 'inherit',
    env: environment(),
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  if (process.env.npm_lifecycle_event !== undefined) endWithParent(child);
  child.on('exit', (code, signal) => process.exit(signal ? 128 : (code ?? 1)));
}

/** npm that is ended ends the shell between us, which tells nobody: without this the program would go on, with nobody's hand on it. */
function endWithParent(child) {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, 250);
  watch.unref();
}

function step(what, command, list) {
  process.stderr.write(`${what} … `);
  const begin = Date.now();
  const { status, stdout, stderr, error } = spawnSync(command, list, {
    cwd: root,
    env: environment(),
    encoding: 'utf8',
  });
  if (status !== 0) fail(`failed.\n${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`);
  process.stderr.write(`${((Date.now() - begin) / 1000).toFixed(1)} s\n`);
}

function environment() {
  return { ...process.env, PATH: `${dirname(node)}:${join(root, 'node_modules', '.bin')}:${process.env.PATH}` };
}

function files(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return files(path);
    return /\.(ts|mjs|json)$/.test(entry.name) ? [path] : [];
  });
}

function digest(paths, describe) {
  const hash = createHash('sha256');
  for (const path of [...paths].sort()) hash.update(`${path}\n`).update(describe(path)).update('\n');
  return hash.digest('hex');
}

function read(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
