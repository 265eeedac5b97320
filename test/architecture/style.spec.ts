import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { seed } from '#assembly';
import { sql } from '#storage';
import { MIGRATIONS, openTestHouse, type TestHouse } from '../support/house.js';
import { schema, type Table } from '../support/schema.js';

const root = process.cwd();

const run = (program: string, args: string[]): { status: number | null; output: string } => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'node_modules', program), ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, output: `${stdout}${stderr}` };
};

const sources = ['libs', 'apps'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|mjs)$/.test(path))
    .map((path) => join(folder, path)),
);
const shipped = sources.filter((path) => !path.endsWith('.spec.ts'));
const migrations = readdirSync(MIGRATIONS).filter((file) => file.endsWith('.sql'));

/** Every text in a source file, template pieces included and comments left out. */
function texts(path: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      found.push(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(join(root, path), 'utf8'), ts.ScriptTarget.ESNext));
  return found;
}

const withoutComments = (script: string): string => script.replace(/--.*$/gm, '').replace(/\/\*[\s\S]*?\*\//g, '');

describe('The style of the house', () => {
  it('leaves the linter nothing to say', () => {
    expect(run('oxlint/bin/oxlint', ['--deny-warnings'])).toMatchObject({ status: 0 });
  });

  it('is formatted', () => {
    expect(run('prettier/bin/prettier.cjs', ['--check', '--log-level', 'warn', '.'])).toEqual({
      status: 0,
      output: '',
    });
  });

  it('calls files by what they are, not by what they might hold', () => {
    const vague = /manager|helper|util|common|base/i;
    expect(sources.filter((path) => vague.test(basename(path).replace(/database/gi, '')))).toEqual([]);
  });
});

describe('R-S6 The tables', () => {
  let house: TestHouse;
  beforeAll(async () => {
    house = openTestHouse();
    await seed(house.log);
  });
  afterAll(() => house.close());

  interface Column {
    table: string;
    column: string;
    type: string;
    pk: number;
  }

  const tables = (): Table[] => schema(house.db).filter(({ type }) => type === 'table');
  const columns = (): Column[] =>
    tables().flatMap(({ name }) =>
      house.db.all<Column>(
        sql`SELECT ${name} AS "table", name AS "column", type, pk FROM pragma_table_info(${name}) ORDER BY cid`,
      ),
    );

  it('are there', () => {
    expect(tables().map(({ name }) => name)).toEqual(expect.arrayContaining(['audit', 'sessions', 'memory_entries']));
  });

  it('each say their INTEGER PRIMARY KEY, so that VACUUM cannot renumber them', () => {
    const without = tables().filter(({ sql: ddl }) => !/\bINTEGER PRIMARY KEY\b/.test(withoutComments(ddl)));
    expect(without.map(({ name }) => name)).toEqual([]);
  });

  it('are STRICT', () => {
    expect(tables().filter(({ sql: ddl }) => !/\)\s*STRICT\s*$/.test(ddl))).toEqual([]);
  });

  it('check every JSON column with json_valid', () => {
    // JSON by its name, or by what a house that has just been furnished keeps in it.
    const named = /^(data|answer|value|metadata|labels|content|state_delta|.*_(from|data|json))$/;
    const holdsJson = ({ table, column }: Column): boolean =>
      house.db
        .all<{ text: string | null }>(
          sql`SELECT ${{ text: `"${column}" AS text FROM "${table}"`, params: [] }} LIMIT 50`,
        )
        .some(({ text }) => text !== null && /^[[{]/.test(text));
    const json = columns().filter(
      (column) => column.type === 'TEXT' && (named.test(column.column) || holdsJson(column)),
    );
    expect(json.length).toBeGreaterThan(5);
    const unchecked = json.filter(({ table, column }) => {
      const ddl = tables().find(({ name }) => name === table)!.sql;
      return !withoutComments(ddl).includes(`json_valid(${column})`);
    });
    expect(unchecked).toEqual([]);
  });
});

describe('SQL in the code', () => {
  it('finds what it looks for', () => {
    expect(shipped.flatMap(texts)).toEqual(expect.arrayContaining(['BEGIN IMMEDIATE']));
  });

  it('begins every transaction IMMEDIATE, or EXCLUSIVE where nobody else may be there', () => {
    const begins = shipped.flatMap((path) =>
      texts(path)
        .filter((text) => /(^|;)\s*BEGIN\b/i.test(text) && !/(^|;)\s*BEGIN (IMMEDIATE|EXCLUSIVE)\b/.test(text))
        .map((text) => `${path}: ${text}`),
    );
    expect(begins).toEqual([]);
  });

  it('never says LIKE, which would make % and _ wildcards and ignore case', () => {
    const code = shipped.filter((path) => texts(path).some((text) => /\bLIKE\b/.test(text)));
    const scripts = migrations.filter((file) =>
      /\bLIKE\b/i.test(withoutComments(readFileSync(join(MIGRATIONS, file), 'utf8'))),
    );
    expect([...code, ...scripts]).toEqual([]);
  });
});
