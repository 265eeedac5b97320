import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { programPath } from '../support/program.js';

const PROGRAMS = [
  ['prometheus', 'prometheus'],
  ['promtool', 'prometheus'],
  ['prometheus-alertmanager', 'prometheus-alertmanager'],
  ['amtool', 'prometheus-alertmanager'],
  ['systemd-analyze', 'systemd'],
] as const;

describe('The programs that these specs start', () => {
  it.each(PROGRAMS)('%s is there', (name) => {
    expect(execFileSync(programPath(name, name), ['--version'], { encoding: 'utf8' })).toMatch(/\d+\.\d+|\d{3}/);
  });

  it('come from the packages that are listed', () => {
    const listed = readFileSync('.ci/packages', 'utf8').trim().split('\n');
    expect(listed).toEqual(
      expect.arrayContaining([...new Set(PROGRAMS.map(([, name]) => name)), 'nginx-light', 'openssl']),
    );
  });

  it('say how they are installed when they are missing', () => {
    expect(() => programPath('no-such-program', 'its-package')).toThrow('apt-get install its-package');
  });
});
