import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Database } from './database.js';
import { locksOf } from './locks.js';
import { walStatus } from './wal-status.js';

describe('Who holds what', () => {
  let directory: string;
  let path: string;
  let others: ChildProcess[];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'abathur-'));
    path = join(directory, 'abathur.db');
    others = [];
    const db = Database.open({ path, synchronous: 'NORMAL' });
    db.exec('CREATE TABLE things (id INTEGER PRIMARY KEY) STRICT');
    db.close();
  });
  afterEach(async () => {
    for (const other of others) {
      other.kill('SIGKILL');
      await once(other, 'exit');
    }
    rmSync(directory, { recursive: true });
  });

  /** Another process: within this one, the locks would be those of the specs. */
  const another = async (script: string): Promise<number> => {
    const code = `const db = new (require('better-sqlite3'))(${JSON.stringify(path)}); ${script}; console.log('ready'); setInterval(() => {}, 60000)`;
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    others.push(child);
    await once(child.stdout, 'data');
    return child.pid!;
  };
  const pids = (holders: { pid: number }[]): number[] => holders.map(({ pid }) => pid);

  it('nobody, where nobody is', () => {
    expect(locksOf(path)).toEqual({ open: [], alone: [], writing: [], checkpointing: [], reading: [] });
    expect(walStatus(path)).toMatchObject({ bytes: 0, frames: 0, folded: 0, readers: [] });
    expect(locksOf(join(directory, 'nothing.db')).open).toEqual([]);
  });

  it('tells who writes, who reads and who only has it open', async () => {
    const idle = await another(`db.prepare('SELECT * FROM things').all()`);
    const writer = await another(`db.exec('BEGIN IMMEDIATE')`);
    const reader = await another(`db.exec('BEGIN'); db.prepare('SELECT * FROM things').all()`);
    const { open, writing, reading, alone } = locksOf(path);
    expect(pids(open).toSorted()).toEqual([idle, writer, reader].toSorted());
    expect(pids(writing)).toEqual([writer]);
    expect(pids(reading)).toContain(reader);
    expect(pids(reading)).not.toContain(idle);
    expect(alone).toEqual([]);
    expect(open[0]!.command).toContain('better-sqlite3');
  });

  it('tells who keeps all others out', async () => {
    const one = await another(`db.pragma('locking_mode = EXCLUSIVE'); db.exec('BEGIN IMMEDIATE; COMMIT')`);
    expect(pids(locksOf(path).alone)).toEqual([one]);
  });

  it('tells at which frame a reader holds up what came after', async () => {
    await another(`db.exec('INSERT INTO things DEFAULT VALUES')`);
    const reader = await another(`db.exec('BEGIN'); db.prepare('SELECT * FROM things').all()`);
    const before = walStatus(path);
    await another(`for (let n = 0; n < 5; n++) db.exec('INSERT INTO things DEFAULT VALUES')`);
    const after = walStatus(path);
    expect(after.frames).toBeGreaterThan(before.frames);
    expect(after.readers).toMatchObject([{ pid: reader, frame: before.frames }]);
  });
});
