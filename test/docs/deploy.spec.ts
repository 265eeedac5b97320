import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { abathur } from '../support/cli.js';

const PAGE = readFileSync('deploy/README.md', 'utf8');
const COMMANDS = [...PAGE.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, commands]) => commands!);
const LINES = COMMANDS.join('\n')
  .replace(/\\\n\s*/g, ' ')
  .split('\n');
const words = (line: string): string[] => line.trim().split(/\s+/);

describe('R-O8 deploy/README.md', () => {
  it('has commands that a shell understands', () => {
    expect(COMMANDS.length).toBeGreaterThan(5);
    for (const commands of COMMANDS)
      expect(spawnSync('bash', ['-n'], { input: commands, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });

  it('installs files that are there, all of them', () => {
    const sources = LINES.filter((line) => line.startsWith('install '))
      .flatMap((line) => words(line).slice(1, -1))
      .filter((word, index, all) => !word.startsWith('-') && !/^-[mgo]$/.test(all[index - 1] ?? ''))
      .map((path) => path.replace('/opt/abathur/current/deploy/', ''));
    expect(sources.length).toBeGreaterThan(5);
    expect(sources.filter((path) => globSync(`deploy/${path}`).length === 0)).toEqual([]);
    const units = globSync('deploy/systemd/*.{service,timer}');
    expect(globSync(sources.map((path) => `deploy/${path}`))).toEqual(expect.arrayContaining(units));
  });

  it('names units that there are', () => {
    const named = LINES.filter((line) => line.startsWith('systemctl '))
      .flatMap(words)
      .filter((word) => /^abathur-[\w@.-]+$/.test(word));
    expect(named.length).toBeGreaterThan(10);
    const file = (unit: string): string => unit.replace(/@\d+/, '@') + (/\.\w+$/.test(unit) ? '' : '.service');
    expect(named.filter((unit) => !existsSync(`deploy/systemd/${file(unit)}`))).toEqual([]);
  });

  it('runs verbs of the command line, with options that they have', async () => {
    const calls = LINES.flatMap((line) => /(?:^|\s)abathur ((?:ready|smoke|rollback)\b.*)/.exec(line)?.[1] ?? []);
    expect(calls.length).toBeGreaterThan(3);
    for (const [verb, ...options] of calls.map(words)) {
      const { out, code } = await abathur([verb!, '--help']);
      expect(code).toBe(0);
      expect(options.filter((option) => option.startsWith('--') && !out.includes(option))).toEqual([]);
    }
  });

  it('tells where the programs of the units lie', () => {
    const [, root] = /WorkingDirectory=(\S+)/.exec(readFileSync('deploy/systemd/abathur-api@.service', 'utf8'))!;
    expect(PAGE).toContain(`ln -sfn releases/0.1.0 ${root}`);
  });
});
