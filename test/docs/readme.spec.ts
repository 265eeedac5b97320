import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Config } from '#assembly';
import { openTestHouse } from '../support/house.js';
import { schema } from '../support/schema.js';
import { startServer, type TestServer } from '../support/server.js';

const root = process.cwd();
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const README = read('README.md');
const PAGES = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'runbooks/README.md',
  'grafana/README.md',
  'deploy/README.md',
  'docs/configuration.md',
];
/** Made up in "how to add …". */
const EXAMPLES = ['libs/memories/memory-pins.projector.ts', 'apps/cli/verbs/sessions.ts'];

/** The text under a heading of the second level. */
function section(page: string, title: string): string {
  const [, text] = page.split(`\n## ${title}\n`);
  if (text === undefined) throw new Error(`There is no section "${title}"`);
  return text.split('\n## ')[0]!;
}

/** Commands and the answer that the page promises for the last of them. */
function steps(text: string): { commands: string; answer: unknown }[] {
  return [...text.matchAll(/```sh\n([\s\S]*?)```\s*```json\n([\s\S]*?)```/g)].map(([, commands, answer]) => ({
    commands: commands!,
    answer: JSON.parse(answer!) as unknown,
  }));
}

describe('README, the tour', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  const tour = section(README, 'A tour with curl');

  it('promises an answer for every block of commands', () => {
    expect(steps(tour).length).toBe(tour.match(/```sh/g)!.length);
    expect(steps(tour).length).toBeGreaterThan(10);
  });

  // In order: each step stands on those before it.
  it.each(steps(tour).map((step, index) => [index + 1, step.commands.split('\n')[0]!, step] as const))(
    'step %i: %s',
    (_, __, { commands, answer }) => {
      const { stdout, stderr } = spawnSync('bash', ['-c', commands.replaceAll('http://127.0.0.1:8000', server.url)], {
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toMatchObject(answer as object);
    },
  );

  it('names commands that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = PAGES.flatMap((page) => [...read(page).matchAll(/(?:^|`|\d )npm (?:run (?:-s )?)?([a-z]+)\b/gm)])
      .map(([, name]) => name!)
      .filter((name) => !['ci', 'config'].includes(name));
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

describe('README, the settings', () => {
  it('lists every setting with its default, in the order of the code', () => {
    const rows = [...section(README, 'Settings').matchAll(/^\| `(\w+)` \| (?:`([^`]*)`|\(empty\)) \| (.+) \|$/gm)];
    const listed = rows.map(([, name, value = '']) => [name, value]);
    expect(listed).toEqual(Object.entries(new Config()).map(([name, value]) => [name, String(value)]));
  });
});

describe('ARCHITECTURE, the dependencies', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
  const rows = section(read('ARCHITECTURE.md'), 'Dependencies').match(/^\| `.*$/gm)!;

  it.each(Object.keys({ ...dependencies, ...devDependencies }))('says what %s is for, and its licence', (name) => {
    const [, , reason, licence] = rows.find((row) => row.split('|')[1]!.includes(`\`${name}\``))?.split('|') ?? [];
    const { license } = JSON.parse(read(`node_modules/${name}/package.json`)) as { license: string };
    expect(reason?.trim()).toMatch(/^.{4,}/);
    expect(licence).toContain(license);
  });

  it('lists nothing that is not there', () => {
    const listed = rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
    expect(listed.filter((name) => !(name in { ...dependencies, ...devDependencies }))).toEqual([]);
  });
});

describe('ARCHITECTURE, the tables', () => {
  it('are those that there are', () => {
    const house = openTestHouse();
    const made = schema(house.db);
    house.close();
    const listed = [...section(read('ARCHITECTURE.md'), 'The tables').matchAll(/^\| `(\w+)` /gm)].map(
      ([, name]) => name!,
    );
    expect(listed.toSorted()).toEqual(made.map(({ name }) => name).toSorted());
  });
});

describe.each(PAGES)('%s', (page) => {
  it('links to what is there', () => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)/g)].map(([, link]) => link!);
    expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });

  it('names files that are there', () => {
    const named = [...read(page).matchAll(/`((?:apps|libs|migrations|test)\/[\w./-]*\w)`/g)].map(([, path]) => path!);
    expect(named.filter((path) => !existsSync(join(root, path)) && !EXAMPLES.includes(path))).toEqual([]);
  });
});
