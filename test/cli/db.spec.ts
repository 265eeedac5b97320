import { join } from 'node:path';
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { abathur, type Ended } from '../support/cli.js';
import { damage } from '../support/damage.js';
import { digestOf } from '../support/digest.js';
import { livedFile, type LivedFile } from '../support/lived-file.js';
import { temporaryDirectory } from '../support/server.js';

// Each step starts a program.
jest.setTimeout(180_000);

describe('R-O9 abathur db and abathur wal', () => {
  let file: LivedFile;
  beforeAll(async () => {
    file = await livedFile(50);
    damage(file.path, 'DROP INDEX idx_sessions_updated; DROP INDEX idx_sessions_project');
  });
  const run = (...args: string[]): Promise<Ended> => abathur(args, file.environment);
  const json = async <T>(...args: string[]): Promise<T> => JSON.parse((await run(...args, '--json')).out) as T;

  it('tell which indexes are missing, and a dry run makes none', async () => {
    const { missing } = await json<{ missing: { name: string }[] }>('db', 'indexes');
    expect(missing.map(({ name }) => name)).toEqual(['idx_sessions_project', 'idx_sessions_updated']);
    const before = digestOf(file.path);
    const dry = await json('db', 'reindex', '--missing', '--dry-run');
    expect(dry).toMatchObject({
      dry_run: true,
      made: [{ name: 'idx_sessions_project' }, { name: 'idx_sessions_updated' }],
    });
    expect((await run('db', 'analyze', '--dry-run')).out).toBe(
      'There are no counts yet. Nothing was changed: this was a dry run.\n',
    );
    expect(digestOf(file.path)).toBe(before);
  });

  it('explain a read that goes through a whole table, until its index is there again', async () => {
    const slow = await json<{ scanned: boolean; statements: { plan: string[]; scans: string[] }[] }>(
      'db',
      'explain',
      'sessions.page',
    );
    expect(slow.scanned).toBe(true);
    expect(await json('db', 'reindex', 'idx_sessions_updated')).toMatchObject({
      made: [{ name: 'idx_sessions_updated' }],
    });
    expect(await json('db', 'explain', 'sessions.page')).toMatchObject({ scanned: false });
    expect(await json('db', 'reindex', '--missing')).toMatchObject({ made: [{ name: 'idx_sessions_project' }] });
    expect((await run('db', 'reindex', '--missing')).out).toBe('None is missing.\n');
    expect((await run('db', 'indexes')).code).toBe(0);
  });

  it('make every index anew where none is named', async () => {
    const { found } = await json<{ found: number }>('db', 'indexes');
    expect((await json<{ made: object[] }>('db', 'reindex')).made).toHaveLength(found);
    expect((await run('integrity', '--file')).code).toBe(0);
  });

  it('count for the planner, and take the counts away again', async () => {
    expect(await json('db', 'analyze')).toMatchObject({ counted_before: false, counted: true });
    expect(await json('db', 'analyze')).toMatchObject({ counted_before: true, counted: true });
    expect((await run('integrity', '--file')).code).toBe(0);
    expect(await json('db', 'analyze', '--forget')).toMatchObject({ counted: false });
    expect(await json('db', 'analyze', '--dry-run')).toMatchObject({ counted: false });
  });

  it('say what is wrong with what they were given', async () => {
    expect(await run('db', 'reindex', 'idx_mine')).toMatchObject({
      code: 1,
      err: expect.stringContaining('No migration makes an index idx_mine'),
    });
    expect(await run('db', 'explain', 'nope')).toMatchObject({
      code: 1,
      err: expect.stringContaining('There is no read nope'),
    });
    expect(await run('db', 'explain', 'memories.page', '{x')).toMatchObject({
      code: 64,
      err: expect.stringContaining('not JSON'),
    });
    const nowhere = join(temporaryDirectory(), 'nothing.db');
    for (const words of [
      ['db', 'locks'],
      ['db', 'indexes'],
      ['db', 'reindex'],
      ['db', 'analyze'],
      ['wal', 'status'],
      ['wal', 'checkpoint'],
    ]) {
      const { code, err } = await run(...words, '--file', nowhere);
      expect({ words, code, err }).toEqual({
        words,
        code: 66,
        err: expect.stringContaining(`There is no database at ${nowhere}`),
      });
    }
  });

  it('list the reads that can be explained', async () => {
    const { reads } = await json<{ reads: string[] }>('db', 'explain');
    expect(reads).toEqual(expect.arrayContaining(['memories.page', 'sessions.page', 'audit.events']));
  });

  it('fold a log back that nobody holds up, and have nothing to say of a file that nobody has', async () => {
    expect(await json('wal', 'checkpoint')).toMatchObject({ busy: false });
    expect(await json('wal', 'status')).toMatchObject({ bytes: 0, held_up: false, readers: [] });
    expect((await run('db', 'locks')).out).toBe(`Nobody has ${file.path} open.\n`);
  });
});
