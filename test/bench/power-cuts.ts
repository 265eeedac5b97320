import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifySlice, witnessedHead } from '#audit-log';
import { Database, sql } from '#storage';
import { DiskImage } from './disk-image.js';
import { freePort } from './running.js';

export interface PowerCuts {
  cuts: number;
  /** Writes that were answered before the last cut. */
  acknowledged: number;
  /** Cuts after which an answered write was gone, and how many were gone in all. */
  cuts_with_loss: number;
  lost: number;
  /** What did not hold together, with the number of the cut. */
  corrupt: string[];
}

export interface PowerCutOptions {
  /** The program to run. */
  main: string;
  synchronous: 'FULL' | 'NORMAL';
  cuts: number;
  seed: number;
}

const WRITERS = 8;
const MEGABYTES = 192;
/** Writes between two cuts: at least one, at most so many. */
const MOST = 60;

interface Acknowledged {
  position: number;
  words: string;
}

/**
 * Cuts the power of a disk while a server writes to it, again and again: the process stands still, the disk is copied as it
 * is without what was not synced, and the copy is mounted and looked at. `undefined` where no disk can be mounted.
 */
export async function cutPower(options: PowerCutOptions): Promise<PowerCuts | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'abathur-power-'));
  const disk = DiskImage.make(directory, MEGABYTES);
  if (disk === undefined) {
    rmSync(directory, { recursive: true });
    return undefined;
  }
  const server = await start(options, disk);
  try {
    return await cutAgainAndAgain(options, disk, server, directory);
  } finally {
    server.child.kill('SIGKILL');
    await server.ended;
    disk.unmount();
    rmSync(directory, { recursive: true });
  }
}

interface Started {
  url: string;
  child: ChildProcess;
  ended: Promise<unknown>;
}

async function cutAgainAndAgain(
  { cuts, seed }: PowerCutOptions,
  disk: DiskImage,
  { url, child, ended }: Started,
  directory: string,
): Promise<PowerCuts> {
  const random = randomFrom(seed);
  const acknowledged: Acknowledged[] = [];
  const over = new AbortController();
  const writers = Promise.all(Array.from({ length: WRITERS }, (_, n) => write(url, n, acknowledged, over.signal)));
  const found: PowerCuts = { cuts, acknowledged: 0, cuts_with_loss: 0, lost: 0, corrupt: [] };
  try {
    for (let cut = 1; cut <= cuts; cut++) {
      const enough = acknowledged.length + 1 + Math.floor(random() * MOST);
      while (acknowledged.length < enough) await Promise.race([sleep(1), writers, refuse(ended)]);
      await halt(child);
      const known = acknowledged.slice();
      disk.cutInto(join(directory, 'cut.img'));
      child.kill('SIGCONT');
      const { lost, flaw } = lookAt(join(directory, 'cut.img'), join(directory, 'cut'), known);
      found.lost += lost;
      if (lost > 0) found.cuts_with_loss += 1;
      if (flaw !== undefined) found.corrupt.push(`cut ${cut}: ${flaw}`);
    }
  } finally {
    over.abort();
  }
  await writers;
  return { ...found, acknowledged: acknowledged.length };
}

const refuse = async (ended: Promise<unknown>): Promise<never> => {
  await ended;
  throw new Error('The server ended by itself');
};

/** Every thread of the process stands still when this returns. */
async function halt(child: ChildProcess): Promise<void> {
  child.kill('SIGSTOP');
  const threads = `/proc/${child.pid}/task`;
  const stopped = (thread: string): boolean => /\) [Tt] /.test(readFileSync(`${threads}/${thread}/stat`, 'utf8'));
  while (!readdirSync(threads).every(stopped)) await sleep(1);
}

/** What somebody finds who switches the machine on again. */
function lookAt(file: string, at: string, known: Acknowledged[]): { lost: number; flaw?: string } {
  const disk = DiskImage.mount(file, at)!;
  try {
    const db = Database.open({ path: join(at, 'abathur.db'), synchronous: 'NORMAL' });
    try {
      const head = witnessedHead.run(db, null);
      const kept = new Map(
        db
          .all<{ position: number; data: string }>(sql`SELECT position, data FROM audit`)
          .map(({ position, data }) => [position, data]),
      );
      const lost = known.filter(({ position, words }) => kept.get(position)?.includes(words) !== true).length;
      const integrity = db.pragma<string>('integrity_check(1)');
      const { broken_at, reason } = verifySlice.run(db, { from: 1, to: head });
      if (integrity !== 'ok') return { lost, flaw: integrity };
      return broken_at === undefined ? { lost } : { lost, flaw: `the chain is broken at ${broken_at}: ${reason}` };
    } finally {
      db.close();
    }
  } catch (error) {
    return { lost: known.length, flaw: (error as Error).message };
  } finally {
    disk.unmount();
    rmSync(file);
  }
}

async function start({ main, synchronous }: PowerCutOptions, disk: DiskImage): Promise<Started> {
  const port = await freePort();
  const child = spawn(process.execPath, [main], {
    env: {
      ...process.env,
      PORT: String(port),
      ABATHUR_DB_PATH: join(disk.at, 'abathur.db'),
      ABATHUR_DB_SYNCHRONOUS: synchronous,
      ABATHUR_BALLAST_MB: '0',
      ABATHUR_LOG_LEVEL: 'silent',
    },
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  for (let attempt = 0; attempt < 6000 && child.exitCode === null; attempt++) {
    const ready = await fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return { url, child, ended };
    await sleep(10);
  }
  child.kill('SIGKILL');
  await ended;
  disk.unmount();
  throw new Error(`The server did not become ready (${child.exitCode})`);
}

/** Writes one memory after the other, and notes each that was answered. */
async function write(url: string, writer: number, acknowledged: Acknowledged[], over: AbortSignal): Promise<void> {
  for (let n = 0; !over.aborted; n++) {
    const words = `words ${writer} ${n}`;
    const response = await fetch(`${url}/v1/memories/app:power:w${writer}/${n % 50}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ value: { words: `${words};` } }),
    });
    if (!response.ok) throw new Error(`A write was answered ${response.status}: ${await response.text()}`);
    await response.arrayBuffer();
    acknowledged.push({ position: Number(response.headers.get('x-position')), words: `${words};` });
  }
}

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
