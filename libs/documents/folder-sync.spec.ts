import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { DomainError } from '#kernel';
import { caller, openTestHouse, type TestHouse } from '../../test/support/house.js';
import { documentAtPath, documentsPage } from './document.reads.js';
import { FolderSync, type SyncResult } from './folder-sync.js';
import { foldersOf, textOf } from './folders.js';

describe('A watched directory', () => {
  let house: TestHouse;
  let outside: string;
  let root: string;
  let folders: FolderSync;
  beforeEach(() => {
    house = openTestHouse();
    outside = realpathSync(mkdtempSync(join(tmpdir(), 'folder-')));
    root = join(outside, 'docs');
    mkdirSync(root);
    folders = new FolderSync({
      folders: foldersOf(root),
      log: house.log,
      reads: { scan: async (read, input) => house.ask(read, input) },
      caller,
    });
  });
  afterEach(() => {
    house.close();
    rmSync(outside, { recursive: true, force: true });
  });

  const write = (name: string, content: string | Buffer): void => {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  };
  const sync = async (directory?: string): Promise<SyncResult> => folders.sync(await folders.scopes(directory));
  const paths = (): string[] =>
    house
      .ask(documentsPage, { limit: 1000 })
      .items.map(({ file_path }) => file_path)
      .toSorted();
  const at = (path: string) => house.ask(documentAtPath, path);
  const head = async (): Promise<number> => (await house.log.head()).position;
  const refusal = async (directory: string): Promise<string> =>
    sync(directory).then(
      () => 'taken',
      (error: DomainError) => error.message,
    );

  it('R-D1 is indexed, below its name', async () => {
    write('a.md', '# A\n');
    write('deep/er/b.MD', '# B\n');
    write('c.markdown', '# C\n');
    write('picture.png', 'x');
    write('.git/d.md', '# D\n');
    write('node_modules/p/e.md', '# E\n');
    expect(await sync()).toMatchObject({ found: 3, created: 3, failed: 0 });
    expect(paths()).toEqual(['docs/a.md', 'docs/c.markdown', 'docs/deep/er/b.MD']);
    expect(at('docs/a.md')).toMatchObject({ title: 'A', origin: 'folder', sync_status: 'pending' });
  });

  it('R-D1 costs no event when nothing differs', async () => {
    write('a.md', '# A\n');
    write('bad.md', 'a\0b');
    await sync();
    const before = await head();
    expect(await sync()).toMatchObject({ unchanged: 1, failed: 1, created: 0, changed: 0 });
    expect(await head()).toBe(before);
  });

  it('R-D3 is followed through changes, moves and deletions', async () => {
    for (const name of ['same.md', 'changed.md', 'moved.md', 'gone.md']) write(name, `# ${name}\n`);
    await sync();
    const id = at('docs/changed.md')!.id;
    appendFileSync(join(root, 'changed.md'), 'more\n');
    mkdirSync(join(root, 'to'));
    renameSync(join(root, 'moved.md'), join(root, 'to/there.md'));
    rmSync(join(root, 'gone.md'));
    write('new.md', '# New\n');
    expect(await sync()).toMatchObject({ found: 4, created: 1, changed: 1, renamed: 1, removed: 1, unchanged: 1 });
    expect(paths()).toEqual(['docs/changed.md', 'docs/new.md', 'docs/same.md', 'docs/to/there.md']);
    expect(at('docs/changed.md')).toMatchObject({ id, version: 2 });
    const events = await house.log.readAll(0, 100);
    expect(events.find(({ data }) => 'renamed_from' in data)!.data).toMatchObject({
      file_path: 'docs/to/there.md',
      renamed_from: 'docs/moved.md',
    });
  });

  it('R-D3 is synced in part, when a part is asked for', async () => {
    write('a/one.md', '# 1\n');
    write('ab/two.md', '# 2\n');
    expect(await sync('docs/a')).toMatchObject({ found: 1, created: 1 });
    expect(await sync(join(root, 'ab'))).toMatchObject({ found: 1, created: 1 });
    rmSync(join(root, 'a/one.md'));
    rmSync(join(root, 'ab/two.md'));
    expect(await sync('docs/a')).toMatchObject({ removed: 1 });
    expect(paths()).toEqual(['docs/ab/two.md']);
  });

  it('R-D3 is followed from one part to another, when only the other is looked at', async () => {
    write('from/a.md', '# A\n');
    write('from/twin.md', '# Twin\n');
    await sync();
    mkdirSync(join(root, 'to'));
    renameSync(join(root, 'from/a.md'), join(root, 'to/b.md'));
    write('to/twin.md', '# Twin\n');
    expect(await sync('docs/to')).toMatchObject({ found: 2, renamed: 1, created: 1 });
    expect(paths()).toEqual(['docs/from/twin.md', 'docs/to/b.md', 'docs/to/twin.md']);
  });

  it('R-D3 does not lose its documents when it is away as a whole', async () => {
    write('a.md', '# A\n');
    await sync();
    renameSync(root, `${root}-away`);
    expect(await sync()).toMatchObject({ removed: 0, failed: 1, failures: [{ file_path: 'docs' }] });
    expect(paths()).toEqual(['docs/a.md']);
  });

  it('R-D3 leaves documents alone that did not come from it', async () => {
    const { readDocument, document } = {
      ...(await import('./read-document.js')),
      ...(await import('./document.decider.js')),
    };
    const { decideStep } = await import('#audit-log');
    const file_path = 'docs/sent.md';
    const content = readDocument({ file_path, content: '# Sent' });
    const step = decideStep(document, { type: 'IndexDocument', origin: 'api', file_path, ...content });
    await house.log.execute({ caller: caller(), steps: [step] });
    expect(await sync()).toMatchObject({ removed: 0 });
    expect(paths()).toEqual([file_path]);
  });

  it('T9 is never left by a link, to a file, to a directory, or in the way', async () => {
    mkdirSync(join(outside, 'secret'));
    writeFileSync(join(outside, 'secret/s.md'), '# Secret\n');
    write('in/a.md', '# A\n');
    symlinkSync(join(outside, 'secret/s.md'), join(root, 'link.md'));
    symlinkSync(join(outside, 'secret'), join(root, 'linked'));
    symlinkSync('..', join(root, 'up'));
    symlinkSync('loop', join(root, 'loop'));
    expect(await sync()).toMatchObject({ found: 1, created: 1, failed: 0 });
    for (const directory of ['docs/linked', join(root, 'linked'), 'docs/up', 'docs/up/secret'])
      expect(await refusal(directory)).toBe('directory: is not watched');
    // A directory that was indexed and became a link is gone.
    renameSync(join(root, 'in'), join(outside, 'in'));
    symlinkSync(join(outside, 'in'), join(root, 'in'));
    expect(await sync()).toMatchObject({ found: 0, removed: 1 });
    expect(paths()).toEqual([]);
  });

  it('T9 is never left while a directory in it becomes a link again and again', async () => {
    mkdirSync(join(outside, 'secret'));
    writeFileSync(join(outside, 'secret/a.md'), '# Secret\n');
    write('in/a.md', '# A\n');
    let swaps = 0;
    const swap = (): void => {
      renameSync(join(root, 'in'), join(outside, 'kept'));
      symlinkSync(join(outside, 'secret'), join(root, 'in'));
      rmSync(join(root, 'in'));
      renameSync(join(outside, 'kept'), join(root, 'in'));
      swaps += 1;
    };
    const timer = setInterval(swap, 0);
    for (let n = 0; n < 100; n++) await sync();
    clearInterval(timer);
    expect(swaps).toBeGreaterThan(20);
    const told = JSON.stringify(await house.log.readAll(0, 10_000));
    expect(told).not.toContain('Secret');
  });

  it.each([
    '..',
    '../secret',
    'docs/..',
    'docs/../secret',
    '/',
    '/etc',
    'docsx',
    '%2e%2e',
    'docs/../docs-away',
    'docs\\..',
  ])('T9 does not stand for %s', async (directory) => {
    mkdirSync(join(outside, 'docs-away'));
    expect(await refusal(directory)).toMatch(/^directory: is not (watched|there)/);
  });

  it('T9 skips what is no file, and says of each file why it cannot be indexed', async () => {
    write('good.md', '# Good\n');
    write('binary.md', Buffer.from([0x23, 0x20, 0x00, 0xff]));
    write('latin1.md', Buffer.from('caf\xe9', 'latin1'));
    write('huge.md', '');
    truncateSync(join(root, 'huge.md'), 50 * 1024 * 1024);
    writeFileSync(join(outside, 'original.md'), '# Of somebody\n');
    linkSync(join(outside, 'original.md'), join(root, 'hard.md'));
    expect(spawnSync('mkfifo', [join(root, 'pipe.md')]).status).toBe(0);
    mkdirSync(join(root, 'directory.md'));
    const begin = performance.now();
    const { failures, ...counts } = await sync();
    expect(performance.now() - begin).toBeLessThan(2000);
    expect(counts).toMatchObject({ found: 5, created: 1, failed: 4 });
    expect(Object.fromEntries(failures.map(({ file_path, reason }) => [file_path, reason]))).toEqual({
      'docs/binary.md': 'is binary: it holds a NUL byte',
      'docs/latin1.md': 'is not valid UTF-8',
      'docs/huge.md': 'has 52,428,800 bytes; at most 10,485,760 are indexed',
      'docs/hard.md': 'has more than one name (hard links)',
    });
    expect(at('docs/latin1.md')).toMatchObject({
      sync_status: 'failed',
      failure: 'is not valid UTF-8',
      chunk_count: 0,
    });
    write('latin1.md', '# Mended\n');
    expect(await sync()).toMatchObject({ changed: 1, failed: 3 });
    expect(at('docs/latin1.md')).toMatchObject({ sync_status: 'pending', failure: null, title: 'Mended' });
  });

  it('T9 keeps names apart, whatever bytes they have', async () => {
    const names = [
      Buffer.from('line\nbreak.md'),
      Buffer.from('caf\xe9.md', 'latin1'),
      Buffer.from('caf\uFFFD.md'),
      Buffer.from('naïve 🎉.md'),
      Buffer.from('%2e.md'),
      Buffer.from(' .md'),
    ];
    for (const [n, name] of names.entries()) writeFileSync(Buffer.concat([Buffer.from(`${root}/`), name]), `# ${n}\n`);
    expect(await sync()).toMatchObject({ created: names.length, failed: 0 });
    expect(await sync()).toMatchObject({ unchanged: names.length });
    expect(paths()).toEqual(names.map((name) => `docs/${textOf(name)}`).toSorted());
    expect(new Set(paths()).size).toBe(names.length);
    expect(textOf(names[1]!)).toBe('caf\uFFFDE9.md');
  });

  it('R-D3 takes ten megabytes, and no byte more', async () => {
    const words = 'some words of a long text\n'.repeat(Math.ceil((10 * 1024 * 1024) / 26));
    write('fits.md', words.slice(0, 10 * 1024 * 1024));
    write('not.md', words.slice(0, 10 * 1024 * 1024 + 1));
    expect(await sync()).toMatchObject({ created: 1, failed: 1 });
    expect(at('docs/fits.md')!.chunk_count).toBeGreaterThan(2000);
    expect(at('docs/fits.md')!.chunk_count).toBeLessThanOrEqual(4096);
  });

  const asRoot = process.getuid?.() === 0;
  (asRoot ? it.skip : it)('R-D3 keeps what it knew of a directory that may not be read', async () => {
    write('locked/a.md', '# A\n');
    await sync();
    chmodSync(join(root, 'locked'), 0);
    expect(await sync()).toMatchObject({ removed: 0, failed: 1 });
    chmodSync(join(root, 'locked'), 0o755);
    expect(paths()).toEqual(['docs/locked/a.md']);
  });

  it('R-D3 tells how far it has come, and stops when it is asked to', async () => {
    for (let n = 0; n < 100; n++) write(`${n}.md`, `# ${n}\n`);
    const seen: number[] = [];
    const result = await folders.sync(await folders.scopes(undefined), ({ done, total }) => seen.push(done / total));
    expect(result.created).toBe(100);
    expect(seen).toHaveLength(100);
    expect(seen.at(-1)).toBe(1);
    await folders.stop();
    await expect(sync()).rejects.toThrow(/aborted/);
  });
});

describe('The setting of watched directories', () => {
  it('names each by its last part', () => {
    expect(foldersOf(' /a/docs , /b/plans/,')).toEqual([
      { name: 'docs', path: '/a/docs' },
      { name: 'plans', path: '/b/plans' },
    ]);
    expect(foldersOf('')).toEqual([]);
  });

  it('refuses one within another, and two of one name', () => {
    expect(() => foldersOf('/a,/a/b')).toThrow(/one within another/);
    expect(() => foldersOf('/a/docs,/b/docs')).toThrow(/of one name/);
    expect(foldersOf('/a,/ab')).toHaveLength(2);
  });
});
