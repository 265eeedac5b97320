import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';

interface Packed {
  name: string;
  version: string;
  files: { path: string; mode: number }[];
}

describe('R-O9 What npm pack makes a package of', () => {
  let packed: Packed;
  let paths: Set<string>;
  const root = process.cwd();
  const described = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    bin: Record<string, string>;
    scripts: Record<string, string>;
  };
  beforeAll(() => {
    const { stdout, status, stderr } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    [packed] = JSON.parse(stdout) as [Packed];
    paths = new Set(packed.files.map(({ path }) => path));
  });

  it('has the command, which may be run', () => {
    expect(Object.keys(described.bin)).toEqual(['abathur']);
    const file = packed.files.find(({ path }) => path === described.bin['abathur']);
    expect(file!.mode & 0o111).not.toBe(0);
    expect(readFileSync(join(root, file!.path), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  it('has everything that was built but what is made anew: programs, threads and processes beside them', () => {
    for (const path of [
      'dist/apps/cli/main.js',
      'dist/apps/api/main.js',
      'dist/apps/worker/main.js',
      'dist/libs/assembly/writer.thread.js',
      'dist/libs/assembly/reader.thread.js',
      'dist/libs/assembly/backup.process.js',
      'dist/test/bench/main.js',
    ])
      expect(paths).toContain(path);
    expect([...paths].filter((path) => path.startsWith('dist/.'))).toEqual([]);
  });

  it('has every migration, every verb, and what its help tells to load', () => {
    for (const name of readdirSync(join(root, 'migrations'))) expect(paths).toContain(`migrations/${name}`);
    const verbs = readdirSync(join(root, 'apps/cli/verbs')).filter((name) => name.endsWith('.ts'));
    for (const name of verbs) expect(paths).toContain(`dist/apps/cli/verbs/${name.replace(/ts$/, 'js')}`);
    expect(paths).toContain('test/fixtures/conversations.sample.json');
    expect(existsSync(join(root, 'test/fixtures/conversations.sample.json'))).toBe(true);
  });

  it('has no sources, specs, databases or keys, and is built before it is packed', () => {
    const others = [...paths].filter((path) => /\.ts$|\.spec\.|\.db|\.key$|^data\/|^node_modules\//.test(path));
    expect(others.filter((path) => !path.endsWith('.d.ts'))).toEqual([]);
    expect(described.scripts['prepack']).toBe('node apps/launch.mjs build');
    expect(statSync(join(root, 'apps/launch.mjs')).isFile()).toBe(true);
  });
});
