import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = process.cwd();
const CONFIG = join(root, '.dependency-cruiser.mjs');
const CROOKED_HOUSE = join(root, 'test/architecture/crooked-house');

interface Report {
  summary: { totalCruised: number; violations: { rule: { name: string }; from: string; to: string }[] };
}

/** What the inspector says about the house in a directory. */
function inspect(directory: string): Report['summary'] {
  const depcruise = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [depcruise, 'apps', 'libs', '--config', CONFIG, '--output-type', 'json'],
    { cwd: directory, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  try {
    return (JSON.parse(stdout) as Report).summary;
  } catch {
    throw new Error(`The inspector did not report:\n${stderr}${stdout.slice(0, 2000)}`);
  }
}

describe('The ladder', () => {
  it('holds', () => {
    const { violations } = inspect(root);
    expect(violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`)).toEqual([]);
  });

  it('is looked at by an inspector who sees the house', () => {
    // With a compiler that it does not understand, the inspector sees no modules and finds nothing wrong with them.
    expect(inspect(root).totalCruised).toBeGreaterThan(100);
  });

  it('has no rule that sleeps: in the crooked house every one of them fires', async () => {
    const { default: config } = (await import(CONFIG)) as { default: { forbidden: { name: string }[] } };
    const rules = new Set(config.forbidden.map(({ name }) => name));
    const fired = new Set(inspect(CROOKED_HOUSE).violations.map(({ rule }) => rule.name));
    expect([...fired].toSorted()).toEqual([...rules].toSorted());
  });
});
