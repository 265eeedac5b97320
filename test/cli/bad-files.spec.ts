import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import Sqlite from 'better-sqlite3';
import { migratedFile } from '../support/audit-logs.js';
import { digestOf } from '../support/digest.js';
import { temporaryDirectory } from '../support/server.js';

const CLI = join(process.cwd(), 'dist/apps/cli/main.js');

async function abathur(...args: string[]): Promise<{ code: number | null; err: string }> {
  const child = spawn(process.execPath, [CLI, ...args]);
  let err = '';
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, err };
}

describe('R-O9 A file that is none of ours', () => {
  const at = (name: string): string => join(temporaryDirectory(), name);

  it.each(['verify', 'integrity'])('is told by %s with what to do, and not changed: no database', async (verb) => {
    const path = at('letter.txt');
    writeFileSync(path, 'Dear reader, this is a letter and no database. '.repeat(40));
    const before = digestOf(path);
    const { code, err } = await abathur(verb, '--file', path);
    expect(err).toContain(`${path} is not a usable SQLite database`);
    expect(code).toBe(69);
    expect(digestOf(path)).toBe(before);
  });

  it.each(['verify', 'integrity'])('is told by %s: a directory', async (verb) => {
    const path = at('directory');
    mkdirSync(path);
    const { code, err } = await abathur(verb, '--file', path);
    expect(err).toContain(`${path} cannot be opened as a file`);
    expect(code).toBe(78);
  });

  it.each(['verify', 'integrity'])('is told by %s: a database of somebody else', async (verb) => {
    const path = at('else.db');
    new Sqlite(path).exec('CREATE TABLE theirs (id INTEGER PRIMARY KEY)').close();
    const { code, err } = await abathur(verb, '--file', path);
    expect(err).toContain(`${path} holds no log.\n  Is it the right file?`);
    expect(code).toBe(65);
  });

  it('is checked, where its migrations are newer, and said to be so', async () => {
    const path = migratedFile();
    const db = new Sqlite(path);
    db.exec(`INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, '9999_future.sql', 'x')`);
    db.close();
    expect(await abathur('integrity', '--file', path, '--json')).toMatchObject({ code: 1 });
  });
});
