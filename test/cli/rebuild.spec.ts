import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { differences } from '#projections';
import { Database } from '#storage';
import { exportOf } from '../support/export.js';
import { live } from '../support/history.js';
import { openTestHouse, type TestHouse } from '../support/house.js';
import { temporaryDirectory } from '../support/server.js';

const CLI = join(process.cwd(), 'dist/apps/cli/main.js');

describe('R-A5 R-O9 abathur rebuild', () => {
  let house: TestHouse;
  let lines: string[];
  const directory = temporaryDirectory();
  const at = (name: string): string => join(directory, name);
  beforeAll(async () => {
    house = openTestHouse();
    await live(house.log, 5, 200);
    lines = exportOf(house.db);
    writeFileSync(at('export.ndjson'), lines.join(''));
    writeFileSync(at('short.ndjson'), lines.slice(0, -1).join(''));
  });
  afterAll(() => house.close());

  const abathur = (...args: string[]) => run('rebuild', ...args);

  async function run(...args: string[]) {
    const child = spawn(process.execPath, [CLI, ...args]);
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, out, err };
  }

  it('makes a database, and shows how far it is', async () => {
    const { code, out, err } = await abathur('--from', at('export.ndjson'), '--to', at('new.db'));
    const { position, entry_hash } = await house.log.head();
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining(`Head ${position} ${entry_hash}`) });
    expect(err).toMatch(/Reading: 100 %[^]*Projecting: 100 %/);
    expect(existsSync(at('new.db'))).toBe(true);
  });

  it('makes one of the export that the program itself writes: the same log, which holds', async () => {
    const { code } = await run('audit', 'export', '--file', house.path, '--out', at('own.ndjson'));
    expect(code).toBe(0);
    expect((await abathur('--from', at('own.ndjson'), '--to', at('own.db'))).code).toBe(0);
    const verified = await run('verify', '--file', at('own.db'), '--json');
    expect(JSON.parse(verified.out)).toMatchObject({ ok: true, head: await house.log.head() });
    const db = Database.open({ path: at('own.db'), readonly: true });
    expect(differences(house.db, db, ['audit'])).toEqual([]);
    db.close();
  });

  it('tells the line that is wrong, in words and for scripts, and makes none', async () => {
    const { code, err } = await abathur('--from', at('short.ndjson'), '--to', at('other.db'), '--json');
    expect({ code, error: JSON.parse(err) as unknown }).toMatchObject({
      code: 65,
      error: {
        error: { code: 'bad-export', message: expect.stringMatching(`^Line ${lines.length - 1}: the export ends`) },
      },
    });
    expect(existsSync(at('other.db'))).toBe(false);
  });

  it.each([
    ['an export that is not there', 'none.ndjson', 'other.db', 66],
    ['a target that is there', 'export.ndjson', 'short.ndjson', 65],
    ['a target in a file', 'export.ndjson', 'short.ndjson/new.db', 78],
  ])('refuses %s', async (_, from, to, exit) => {
    expect((await abathur('--from', at(from), '--to', at(to))).code).toBe(exit);
  });

  it('asks for both', async () => {
    expect((await abathur('--from', at('export.ndjson'))).code).toBe(64);
  });
});
