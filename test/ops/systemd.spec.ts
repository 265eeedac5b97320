import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { programPath } from '../support/program.js';
import { temporaryDirectory } from '../support/server.js';

const ANALYZE = programPath('systemd-analyze', 'systemd');
const UNITS = 'deploy/systemd';
/** Of ten: 10 is a service that may do everything. */
const MOST_EXPOSED = 1.5;
const INSTALLED = '/opt/abathur/current/';

const files = readdirSync(UNITS).filter((name) => /\.(service|timer)$/.test(name));
const services = files.filter((name) => name.endsWith('.service'));
const read = (name: string): string => readFileSync(join(UNITS, name), 'utf8');

describe('R-O8 The systemd units', () => {
  it('are those that a deployment needs', () => {
    expect(files.toSorted()).toEqual([
      'abathur-api@.service',
      'abathur-backup.service',
      'abathur-backup.timer',
      'abathur-drill.service',
      'abathur-drill.timer',
      'abathur-workers.service',
    ]);
  });

  it('systemd finds nothing to complain of in them', () => {
    const { status, output } = verify({});
    expect({ status, output }).toEqual({ status: 0, output: '' });
  });

  it('and would complain of a setting that it does not know', () => {
    expect(verify({ 'abathur-workers.service': (text) => text.replace('Nice=5', 'Nicer=5') }).output).toContain(
      'Nicer',
    );
  });

  it.each(services)('%s is exposed to 1.5 at most', (name) => {
    const found = spawnSync(ANALYZE, ['security', '--offline=true', '--no-pager', join(UNITS, name)], {
      encoding: 'utf8',
    });
    const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(found.stdout) ?? [];
    expect(Number(exposure)).toBeLessThanOrEqual(MOST_EXPOSED);
  });

  it.each(services)('%s starts what the project holds', (name) => {
    const programs = [...read(name).matchAll(/(?:dist\/)?(apps\/[\w./-]+)\.(m?js)/g)];
    expect(programs.length).toBeGreaterThan(0);
    for (const [, path, kind] of programs) expect(existsSync(`${path}.${kind === 'mjs' ? 'mjs' : 'ts'}`)).toBe(true);
    expect(read(name)).toContain(`WorkingDirectory=${INSTALLED.slice(0, -1)}\n`);
    expect(existsSync('node_modules/node/bin/node')).toBe(true);
  });

  it('give the API the time that it may take to end', () => {
    const [, seconds] = /TimeoutStopSec=(\d+)/.exec(read('abathur-api@.service'))!;
    const [, delay] = /ABATHUR_DRAIN_DELAY_MS=(\d+)/.exec(read('abathur-api@.service'))!;
    const [, drain] = /#ABATHUR_DRAIN_TIMEOUT_MS=(\d+)/.exec(readFileSync('deploy/environment.example', 'utf8'))!;
    expect(Number(seconds) * 1000).toBeGreaterThan(Number(drain) + Number(delay));
  });

  it.each(files.filter((name) => name.endsWith('.timer')))('%s names moments', (name) => {
    const [, calendar] = /OnCalendar=(.+)/.exec(read(name))!;
    const told = execFileSync(ANALYZE, ['calendar', calendar!], { encoding: 'utf8' });
    expect(told).toContain('Next elapse');
    expect(existsSync(join(UNITS, name.replace('.timer', '.service')))).toBe(true);
  });

  it('have examples of drop-ins that systemd takes', () => {
    const examples = readdirSync(UNITS, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.conf.example'),
    );
    expect(examples.length).toBeGreaterThan(1);
    const { status, output } = verify({}, examples);
    expect({ status, output }).toEqual({ status: 0, output: '' });
  });
});

/** Verifies copies of the units, whose programs are stand-ins where the installed ones would be. */
function verify(
  changes: Record<string, (text: string) => string>,
  dropIns: string[] = [],
): { status: number | null; output: string } {
  const directory = temporaryDirectory();
  const program = join(directory, 'current/node_modules/node/bin/node');
  mkdirSync(dirname(program), { recursive: true });
  writeFileSync(program, '#!/bin/sh\n');
  chmodSync(program, 0o755);
  for (const name of files) {
    const text = read(name).replaceAll(INSTALLED, `${directory}/current/`);
    writeFileSync(join(directory, name), changes[name]?.(text) ?? text);
  }
  for (const example of dropIns) {
    const target = join(directory, example.replace(/\.example$/, ''));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(UNITS, example), target);
  }
  // An instance is verified by its own name; the path makes systemd look here alone.
  const names = files.map((name) => join(directory, name.replace('@.', '@8001.')));
  copyFileSync(
    join(directory, 'abathur-api@.service'),
    names.find((name) => name.includes('@'))!,
  );
  const { status, stdout, stderr } = spawnSync(ANALYZE, ['verify', '--man=no', '--recursive-errors=no', ...names], {
    encoding: 'utf8',
    env: { ...process.env, SYSTEMD_UNIT_PATH: `${directory}:/usr/lib/systemd/system` },
  });
  return { status, output: (stdout + stderr).trim() };
}
