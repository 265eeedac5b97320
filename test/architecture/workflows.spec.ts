import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { load } from 'js-yaml';

interface Workflow {
  name: string;
  on: Record<string, unknown>;
  permissions: Record<string, string>;
  jobs: Record<string, { permissions?: Record<string, string>; steps: { uses?: string; run?: string }[] }>;
}

const FOLDER = '.github/workflows';
const workflows = readdirSync(FOLDER).map((file): [string, Workflow] => [
  file,
  load(readFileSync(join(FOLDER, file), 'utf8')) as Workflow,
]);
const runs = ({ jobs }: Workflow): string[] =>
  Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));

describe('R-O8 The workflows', () => {
  it('are one for every change, and one for a release', () => {
    expect(workflows.map(([file]) => file).toSorted()).toEqual(['ci.yml', 'release.yml']);
    expect(Object.keys(workflows.find(([file]) => file === 'release.yml')![1].on)).toEqual(['push']);
  });

  it.each(workflows)('%s may read, and no more unless a job says so', (_, { permissions }) => {
    expect(permissions).toEqual({ contents: 'read' });
  });

  it.each(workflows)('%s runs scripts that there are, and all that has to pass', (_, workflow) => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    const commands = runs(workflow).join('\n');
    const named = [...commands.matchAll(/npm run (?:--silent )?([\w:]+)/g)].map(([, name]) => name!);
    expect(named.length).toBeGreaterThan(1);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
    for (const needed of ['npm ci', 'npm run build', 'npm run lint', 'bash .ci/run'])
      expect(commands).toContain(needed);
  });

  it('a release is of what was tested, packed after it, with a bill of materials and where it was built', () => {
    const release = workflows.find(([file]) => file === 'release.yml')![1];
    const steps = release.jobs['release']!.steps.map(({ run, uses }) => run ?? uses ?? '');
    const order = ['bash .ci/run', 'sbom > ', 'npm pack', 'actions/attest-build-provenance', 'gh release create'];
    const places = order.map((what) => steps.findIndex((step) => step.includes(what)));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places).not.toContain(-1);
  });
});
