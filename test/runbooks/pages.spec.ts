import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { load } from 'js-yaml';
import { abathur } from '../support/cli.js';
import { Runbook, RUNBOOKS } from '../support/runbook.js';

const NAMES = readdirSync(RUNBOOKS)
  .filter((file) => /^\d\d-.*\.md$/.test(file))
  .map((file) => file.slice(0, -'.md'.length))
  .toSorted();
const INDEX = readFileSync(join(RUNBOOKS, 'README.md'), 'utf8');

const SECTIONS = [
  'Symptoms',
  'Impact',
  'First five minutes',
  'Diagnosis',
  'Resolution',
  'Verification',
  'Prevention',
  'Escalation',
  'Do not',
  'Why this threshold',
];

/** What the index explains; everything else in capitals after a dollar sign is a mistake. */
const VARIABLES = [...INDEX.matchAll(/^\| (`\$.*?) \|/gm)].flatMap(([, cell]) =>
  [...cell!.matchAll(/\$(\w+)/g)].map(([, name]) => name!),
);

interface Rule {
  alert?: string;
  annotations?: { runbook_url?: string };
}

/** The rules that fire alerts, from all files of them. */
function alerts(): { name: string; runbook: string }[] {
  const folder = join(process.cwd(), 'grafana/alerts');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.rules.yml'))
    .flatMap((file) => (load(readFileSync(join(folder, file), 'utf8')) as { groups: { rules: Rule[] }[] }).groups)
    .flatMap(({ rules }) => rules)
    .filter(({ alert }) => alert !== undefined)
    .map(({ alert, annotations }) => ({ name: alert!, runbook: annotations?.runbook_url ?? '' }));
}

/** Between `**Alerts:**` and the next point: names in backquotes, or why there is none. */
const alertsOf = (page: Runbook): string =>
  /\*\*Alerts:\*\*([\s\S]*?)· \*\*Data at risk/.exec(page.text.replace(/\n· /g, ' · '))?.[1] ?? '';

describe('R-O3 The runbooks', () => {
  it('are the fifteen', () => {
    expect(NAMES.map((name) => name.slice(0, 2))).toEqual(
      Array.from({ length: 15 }, (_, n) => String(n + 1).padStart(2, '0')),
    );
  });

  it.each(NAMES)('%s has every section, in order, and says something in each', (name) => {
    const page = Runbook.read(name);
    expect([...page.text.matchAll(/^## (.+)$/gm)].map(([, title]) => title)).toEqual(SECTIONS);
    for (const title of SECTIONS) expect(page.section(title).length).toBeGreaterThan(40);
    expect(page.text).not.toMatch(/\bTODO\b|\bTBD\b|\bFIXME\b/);
    expect(alertsOf(page)).toMatch(/`[A-Z]\w+`|none/);
  });

  it.each(NAMES)('%s can be followed: looks, then acts, then looks whether it helped', (name) => {
    const page = Runbook.read(name);
    const commands = (title: string): number => page.section(title).match(/^```sh$/gm)?.length ?? 0;
    expect(commands('First five minutes')).toBeGreaterThanOrEqual(1);
    expect(commands('First five minutes') + commands('Diagnosis')).toBeGreaterThanOrEqual(2);
    expect(commands('Resolution')).toBeGreaterThanOrEqual(1);
    expect(commands('Verification')).toBeGreaterThanOrEqual(1);
  });

  it.each(NAMES)('%s is run by a spec of its name, which asks whether anything was left out', (name) => {
    const spec = readFileSync(join(process.cwd(), 'test/runbooks', `${name}.spec.ts`), 'utf8');
    expect(spec).toContain(`page: '${name}'`);
    expect(spec).toContain('expect(onCall.page.unrun).toEqual([])');
  });

  it.each(NAMES)('%s uses only variables that the index explains', (name) => {
    const used = Runbook.read(name).blocks.flatMap(({ commands }) =>
      [...commands.matchAll(/\$\{?([A-Z_]+)/g)].map(([, variable]) => variable!),
    );
    expect(used.filter((variable) => !VARIABLES.includes(variable))).toEqual([]);
  });

  it.each([...NAMES, 'README'])('%s links to what is there', (name) => {
    const text = readFileSync(join(RUNBOOKS, `${name}.md`), 'utf8');
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)/g)].map(([, link]) => link!);
    expect(links.length).toBeGreaterThan(0);
    expect(links.filter((link) => !existsSync(join(RUNBOOKS, dirname(link), link.split('/').at(-1)!)))).toEqual([]);
  });

  it('name metrics that there are', () => {
    const declared = readdirSync(join(process.cwd(), 'libs/telemetry'))
      .map((file) => readFileSync(join(process.cwd(), 'libs/telemetry', file), 'utf8'))
      .join('\n');
    const named = NAMES.flatMap((name) =>
      [...Runbook.read(name).text.matchAll(/\babathur_[a-z_]+[a-z]\b/g)].map(([metric]) => metric),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(
      [...new Set(named)].filter((metric) => !declared.includes(`'${metric}`) && !declared.includes(metric)),
    ).toEqual([]);
  });

  it('name verbs that there are, also where nothing is run', async () => {
    const verbs = new Set(
      NAMES.flatMap((name) =>
        [...Runbook.read(name).text.matchAll(/`abathur\s+([a-z][a-z -]*?)(?=[ `"$<]|\s--)/g)].map(
          ([, verb]) => verb!.split(' ')[0]!,
        ),
      ),
    );
    const { out } = await abathur(['--help']);
    expect(verbs.size).toBeGreaterThan(8);
    expect([...verbs].filter((verb) => !new RegExp(`^  ${verb}\\b`, 'm').test(out))).toEqual([]);
  });

  it('are each in the index', () => {
    expect(NAMES.filter((name) => !INDEX.includes(`(${name}.md)`))).toEqual([]);
  });

  it('are what each alert links to, one page each, which names it', () => {
    for (const { name, runbook } of alerts()) {
      const page = NAMES.find((candidate) => runbook.endsWith(`runbooks/${candidate}.md`));
      expect({ name, runbook, page }).toEqual({ name, runbook, page: expect.any(String) });
      expect({ name, page, names: Runbook.read(page!).text.includes(`\`${name}\``) }).toEqual({
        name,
        page,
        names: true,
      });
      expect({ name, indexed: INDEX.includes(`\`${name}\``) }).toEqual({ name, indexed: true });
    }
  });
});
