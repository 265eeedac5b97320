import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { caller, openTestHouse, type TestHouse } from '../../test/support/house.js';
import { documentAtPath, documentsPage } from './document.reads.js';
import { FolderSync, type SyncResult } from './folder-sync.js';
import { foldersOf } from './folders.js';
import { FolderWatch } from './watch.js';
import { holds } from '../../test/support/until.js';

const DEBOUNCE = 80;

describe('R-D3 The watcher', () => {
  let house: TestHouse;
  let outside: string;
  let root: string;
  let folders: FolderSync;
  let watch: FolderWatch;
  let syncs: SyncResult[];
  let failures: unknown[];

  const begin = async (debounce = DEBOUNCE): Promise<void> => {
    watch = new FolderWatch(folders, {
      debounce,
      note: (changes) => house.log.chore('note-document-changes', changes),
      forget: (changes) => house.log.chore('forget-document-changes', changes),
      onSync: (result) => syncs.push(result),
      onFailure: (error) => failures.push(error),
    });
    await watch.start();
    await holds(() => syncs.length === 1);
  };

  beforeEach(() => {
    house = openTestHouse();
    outside = realpathSync(mkdtempSync(join(tmpdir(), 'watch-')));
    root = join(outside, 'docs');
    mkdirSync(join(root, 'sub'), { recursive: true });
    folders = new FolderSync({
      folders: foldersOf(root),
      log: house.log,
      reads: { scan: async (read, input) => house.ask(read, input) },
      caller,
    });
    [syncs, failures] = [[], []];
  });
  afterEach(async () => {
    await watch.stop();
    await folders.stop();
    house.close();
    rmSync(outside, { recursive: true, force: true });
    expect(failures).toEqual([]);
  });

  const title = (path: string): string | undefined => house.ask(documentAtPath, path)?.title;
  const count = (): number => house.ask(documentsPage, { limit: 1000 }).items.length;

  it('indexes what is there when it begins', async () => {
    writeFileSync(join(root, 'sub/a.md'), '# A\n');
    await begin();
    expect(title('docs/sub/a.md')).toBe('A');
  });

  it('sees files come, change, move and go', async () => {
    await begin();
    writeFileSync(join(root, 'a.md'), '# One\n');
    await holds(() => title('docs/a.md') === 'One');
    writeFileSync(join(root, 'a.md'), '# Two\n');
    await holds(() => title('docs/a.md') === 'Two');
    renameSync(join(root, 'a.md'), join(root, 'sub/b.md'));
    await holds(() => title('docs/sub/b.md') === 'Two' && title('docs/a.md') === undefined);
    expect(syncs.reduce((sum, { renamed }) => sum + renamed, 0)).toBe(1);
    rmSync(join(root, 'sub/b.md'));
    await holds(() => count() === 0);
  });

  it('sees directories come with what is in them, move and go', async () => {
    await begin();
    mkdirSync(join(root, 'x/y/z'), { recursive: true });
    writeFileSync(join(root, 'x/y/z/a.md'), '# A\n');
    await holds(() => title('docs/x/y/z/a.md') === 'A');
    writeFileSync(join(root, 'x/y/z/b.md'), '# B\n');
    await holds(() => title('docs/x/y/z/b.md') === 'B');
    renameSync(join(root, 'x/y'), join(root, 'w'));
    await holds(() => title('docs/w/z/a.md') === 'A' && title('docs/x/y/z/a.md') === undefined);
    writeFileSync(join(root, 'w/z/b.md'), '# Later\n');
    await holds(() => title('docs/w/z/b.md') === 'Later');
    rmSync(join(root, 'w'), { recursive: true });
    await holds(() => count() === 0);
    // The root, sub and x.
    expect(watch.size).toBe(3);
  });

  it('sees what editors do when they save: a new file in place of the old, with a copy aside', async () => {
    writeFileSync(join(root, 'a.md'), '# One\n');
    await begin();
    const version = house.ask(documentAtPath, 'docs/a.md')!.version;
    renameSync(join(root, 'a.md'), join(root, 'a.md~'));
    writeFileSync(join(root, '.a.md.swp'), 'x');
    writeFileSync(join(root, '4913'), '');
    rmSync(join(root, '4913'));
    writeFileSync(join(root, 'a.md.tmp'), '# Two\n');
    renameSync(join(root, 'a.md.tmp'), join(root, 'a.md'));
    await holds(() => title('docs/a.md') === 'Two');
    expect(house.ask(documentAtPath, 'docs/a.md')!.version).toBe(version + 1);
    expect(count()).toBe(1);
  });

  it('looks at a burst of writes once, when it is over', async () => {
    // Long enough that a busy machine makes no pause in the burst of it.
    await begin(1000);
    for (let n = 0; n < 10; n++) {
      writeFileSync(join(root, 'a.md'), `# ${n}\n`);
      await sleep(5);
    }
    await holds(() => title('docs/a.md') === '9');
    expect(house.ask(documentAtPath, 'docs/a.md')!.version).toBe(1);
  });

  it('does not wait for ever for quiet', async () => {
    await begin();
    const begun = performance.now();
    let n = 0;
    const timer = setInterval(() => writeFileSync(join(root, 'a.md'), `# ${n++}\n`), DEBOUNCE / 4);
    await holds(() => title('docs/a.md') !== undefined);
    clearInterval(timer);
    expect(performance.now() - begun).toBeLessThan(20 * DEBOUNCE);
  });

  it('R-D1 calls a document stale from when its file changes until it is looked at', async () => {
    writeFileSync(join(root, 'a.md'), '# One\n');
    await begin(600);
    const status = (): string => house.ask(documentAtPath, 'docs/a.md')!.sync_status;
    expect(status()).toBe('pending');
    writeFileSync(join(root, 'a.md'), '# Two\n');
    await holds(() => status() === 'stale');
    expect(title('docs/a.md')).toBe('One');
    await holds(() => status() !== 'stale');
    expect(title('docs/a.md')).toBe('Two');
  });

  it('takes thousands of files at once', async () => {
    await begin();
    for (let n = 0; n < 2000; n++) {
      if (n % 100 === 0) mkdirSync(join(root, `d${n / 100}`));
      writeFileSync(join(root, `d${Math.floor(n / 100)}/${n}.md`), `# ${n}\n`);
    }
    await holds(() => syncs.reduce((sum, { created }) => sum + created, 0) === 2000);
    writeFileSync(join(root, 'd7/701.md'), '# Changed\n');
    await holds(() => title('docs/d7/701.md') === 'Changed');
  });

  it('T9 does not watch through links', async () => {
    mkdirSync(join(outside, 'secret'));
    symlinkSync(join(outside, 'secret'), join(root, 'linked'));
    await begin();
    expect(watch.size).toBe(2);
    writeFileSync(join(outside, 'secret/a.md'), '# Secret\n');
    await sleep(3 * DEBOUNCE);
    expect(count()).toBe(0);
  });

  it('says nothing more after it was stopped', async () => {
    await begin();
    await watch.stop();
    writeFileSync(join(root, 'a.md'), '# A\n');
    await sleep(3 * DEBOUNCE);
    expect([count(), watch.size]).toEqual([0, 0]);
  });
});
