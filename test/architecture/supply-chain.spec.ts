import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

interface Locked {
  version?: string;
  resolved?: string;
  integrity?: string;
  license?: string;
  dev?: boolean;
  link?: boolean;
}

const read = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;
const { packages } = read<{ packages: Record<string, Locked> }>('package-lock.json');
const locked = Object.entries(packages).filter(([path]) => path !== '');

/** Where packages come from; a lock that names no place leaves it to the registry that npm knows. */
const PUBLIC = 'https://registry.npmjs.org/';

/** Licences that let the program be used and passed on by anybody. */
const FREE =
  /^\(?(?:(?:MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|Apache|BlueOak-1\.0\.0|Unlicense|CC0-1\.0|CC-BY-[34]\.0|Python-2\.0|MIT-0|WTFPL)(?: (?:AND|OR) )?)+\)?$/;

describe('What the program is made of', () => {
  it('comes from the public registry, each file by its hash', () => {
    expect(locked.length).toBeGreaterThan(100);
    const elsewhere = locked.filter(([, { resolved }]) => !(resolved ?? PUBLIC).startsWith(PUBLIC));
    expect(elsewhere.map(([path]) => path)).toEqual([]);
    const unproven = locked.filter(
      ([, { integrity, link }]) => link !== true && integrity?.startsWith('sha512-') !== true,
    );
    expect(unproven.map(([path]) => path)).toEqual([]);
  });

  it('is pinned to exact versions', () => {
    const { dependencies, devDependencies } = read<Record<string, Record<string, string>>>('package.json');
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    );
    expect(loose).toEqual([]);
  });

  it('may be passed on: the licence of everything that is shipped is a free one', () => {
    const shipped = locked.filter(([, { dev }]) => dev !== true);
    expect(
      shipped.filter(([, { license }]) => !FREE.test(license ?? '')).map(([path, { license }]) => [path, license]),
    ).toEqual([]);
  });

  it('is told as a bill of materials (CycloneDX), without a network', () => {
    const { scripts } = read<{ scripts: Record<string, string> }>('package.json');
    const text = execFileSync('sh', ['-c', scripts['sbom']!], { encoding: 'utf8', maxBuffer: 1e8 });
    const bill = JSON.parse(text) as { bomFormat: string; components: { name: string }[] };
    expect(bill.bomFormat).toBe('CycloneDX');
    const named = new Set(bill.components.map(({ name }) => name));
    const { dependencies } = read<{ dependencies: Record<string, string> }>('package.json');
    expect(Object.keys(dependencies).filter((name) => !named.has(name))).toEqual([]);
  });
});
