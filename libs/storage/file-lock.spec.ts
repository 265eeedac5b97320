import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { temporaryDirectory } from '../../test/support/server.js';
import { FileLock } from './file-lock.js';

describe('A lock of a file', () => {
  const path = (): string => join(temporaryDirectory(), 'lock');

  it('may be shared by many, and then be had by nobody alone', () => {
    const lock = path();
    const [one, other] = [FileLock.share(lock)!, FileLock.share(lock)!];
    expect(FileLock.alone(lock)).toBeUndefined();
    one.release();
    expect(FileLock.alone(lock)).toBeUndefined();
    other.release();
    FileLock.alone(lock)!.release();
  });

  it('had alone, is shared by nobody', () => {
    const lock = path();
    const alone = FileLock.alone(lock)!;
    expect([FileLock.share(lock), FileLock.alone(lock)]).toEqual([undefined, undefined]);
    alone.release();
    FileLock.share(lock)!.release();
  });

  it.each(['PRAGMA locking_mode = EXCLUSIVE; SELECT count(*) FROM sqlite_schema', 'BEGIN EXCLUSIVE'])(
    'comes back when another process that holds it is killed (%s)',
    async (script) => {
      const lock = path();
      const holder = `const Sqlite = require('better-sqlite3'); const db = new Sqlite(process.argv[1]);
        db.exec(process.argv[2]); console.log('held'); setInterval(() => undefined, 1000);`;
      const child = spawn(process.execPath, ['-e', holder, lock, script], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      expect(FileLock.alone(lock)).toBeUndefined();
      child.kill('SIGKILL');
      await once(child, 'exit');
      FileLock.alone(lock)!.release();
    },
  );
});
