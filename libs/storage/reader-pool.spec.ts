import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { migratedFile } from '../../test/support/audit-logs.js';
import { ReaderPool, type PoolOptions } from './reader-pool.js';
import type { Read } from './reads.js';

const SCRIPT = pathToFileURL(join(process.cwd(), 'test/support/reader.thread.mjs'));

/** Asks for a read by the name under which the reader thread knows it. */
const named = (name: string): Read<unknown, unknown> => ({ name, run: () => undefined });

describe('R-S3 The pool of readers', () => {
  let pool: ReaderPool;
  const open = (options: Partial<PoolOptions> = {}): ReaderPool => {
    const workerData = { path: migratedFile(), readonly: true, synchronous: 'NORMAL' };
    pool = new ReaderPool({ script: SCRIPT, workerData, min: 1, max: 2, acquireTimeout: 10_000, ...options });
    pool.fill();
    return pool;
  };
  afterEach(() => pool.close());

  /** Reads that do not end before the gate is opened. */
  const gate = () => {
    const cell = new Int32Array(new SharedArrayBuffer(4));
    return {
      read: (answer: string) => pool.run(named('wait'), { gate: cell, answer }),
      open: (): void => {
        Atomics.store(cell, 0, 1);
        Atomics.notify(cell, 0);
      },
    };
  };
  const echo = (input: unknown) => pool.run(named('echo'), input);

  it('begins with its least number of readers, all of them free', () => {
    open({ min: 3, max: 5 });
    expect(pool.status()).toEqual({ min: 3, max: 5, size: 3, in_use: 0, waiting: 0, timeouts: 0 });
  });

  it('answers on another thread what it is asked', async () => {
    open();
    expect(await pool.run(named('count'), 'audit')).toBe(0);
    expect(await echo({ deep: [1, null, 'x'] })).toEqual({ deep: [1, null, 'x'] });
  });

  it('R-S2 opens each connection with the pragmas of the house', async () => {
    open();
    const pragmas = (await pool.run(named('pragmas'), 'NORMAL')) as { ok: boolean }[];
    expect(pragmas.filter(({ ok }) => !ok)).toEqual([]);
    expect(pragmas).toHaveLength(10);
  });

  it('only reads', async () => {
    open();
    await expect(pool.run(named('write'), null)).rejects.toThrow('readonly database');
  });

  it('counts the time in which all readers are busy, this moment included', async () => {
    open({ min: 1, max: 2 });
    const [one, two] = [gate(), gate()];
    const first = one.read('first');
    const alone = pool.exhaustedSeconds;
    expect(alone).toBe(0);
    const second = two.read('second');
    const third = echo('third');
    const begun = pool.exhaustedSeconds;
    await new Promise((resolve) => setTimeout(resolve, 20));
    const later = pool.exhaustedSeconds;
    expect(later).toBeGreaterThan(begun);
    one.open();
    two.open();
    await Promise.all([first, second, third]);
    const end = pool.exhaustedSeconds;
    expect(end).toBeGreaterThanOrEqual(later);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(pool.exhaustedSeconds).toBe(end);
  });

  it('grows to its greatest number while more is asked than it has readers, and shrinks no more', async () => {
    open({ min: 1, max: 3 });
    const { read, open: openGate } = gate();
    const answers = ['a', 'b', 'c', 'd', 'e'].map(read);
    expect(pool.status()).toMatchObject({ size: 3, in_use: 3, waiting: 2 });
    openGate();
    expect(await Promise.all(answers)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(pool.status()).toMatchObject({ size: 3, in_use: 0, waiting: 0, timeouts: 0 });
  });

  it('uses a free reader before it makes another one', async () => {
    open({ min: 2, max: 9 });
    await Promise.all([echo(1), echo(2)]);
    await echo(3);
    expect(pool.status()).toMatchObject({ size: 2 });
  });

  it('serves who waits in the order of asking', async () => {
    open({ max: 1 });
    const { read, open: openGate } = gate();
    const order: unknown[] = [];
    const first = read('held');
    const waiting = [1, 2, 3, 4].map(async (n) => order.push(await echo(n)));
    openGate();
    await Promise.all([first, ...waiting]);
    expect(order).toEqual([1, 2, 3, 4]);
  });

  it('refuses who waits too long with 503 and when to come again, and counts it', async () => {
    open({ max: 1, acquireTimeout: 20 });
    const { read, open: openGate } = gate();
    const held = read('held');
    await expect(echo('too late')).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'pool-exhausted',
      details: { retry_after: 1 },
    });
    expect(pool.status()).toMatchObject({ waiting: 0, timeouts: 1, in_use: 1 });
    openGate();
    expect(await held).toBe('held');
    expect(await echo('in time')).toBe('in time');
    expect(pool.status()).toMatchObject({ timeouts: 1 });
  });

  it('tells how long each read waited for its reader', async () => {
    open({ max: 1 });
    const waits: number[] = [];
    pool.onAcquired = (seconds) => waits.push(seconds);
    await Promise.all([echo(1), echo(2), echo(3)]);
    expect(waits).toHaveLength(3);
    expect(waits.every((seconds) => seconds >= 0 && seconds < 60)).toBe(true);
  });

  it('passes on what a read refuses, with its hint', async () => {
    open();
    await expect(pool.run(named('refuse'), 'look elsewhere')).rejects.toMatchObject({
      name: 'DomainError',
      kind: 'not-found',
      code: 'nothing-there',
      details: { hint: 'look elsewhere' },
    });
  });

  it('passes on how a read failed, and where, and goes on with the same reader', async () => {
    open({ max: 1 });
    const failure = await pool.run(named('fail'), null).catch((error: Error) => error);
    expect(failure).toMatchObject({ message: 'out of order', stack: expect.stringContaining('reader.thread.mjs') });
    expect(await echo('next')).toBe('next');
    expect(pool.status()).toMatchObject({ size: 1 });
  });

  it.each([
    // What broke it cannot be cloned either: the error comes without its words.
    ['breaks down', 'crash', ''],
    ['ends', 'exit', 'exited with code 3'],
  ])('replaces a reader that %s; only its own read is lost', async (_, read, reason) => {
    open({ min: 2, max: 2 });
    const { read: wait, open: openGate } = gate();
    const other = wait('unharmed');
    const lost = pool.run(named(read), null);
    const waiting = [echo(1), echo(2)];
    await expect(lost).rejects.toThrow(reason);
    expect(await Promise.all(waiting)).toEqual([1, 2]);
    openGate();
    expect(await other).toBe('unharmed');
    expect(pool.status()).toMatchObject({ size: 2, in_use: 0 });
  });

  it('goes on serving who waits when a reader above its least number is gone', async () => {
    open({ min: 1, max: 2 });
    const { read, open: openGate } = gate();
    const held = read('held');
    const lost = pool.run(named('exit'), null);
    const waiting = echo('patient');
    await expect(lost).rejects.toThrow('exited');
    expect(await waiting).toBe('patient');
    openGate();
    await held;
  });

  it('once closed refuses what waits, what comes, and what was under way', async () => {
    open({ max: 1 });
    const { read, open: openGate } = gate();
    const outcomes = [read('under way'), echo('waiting')].map((work) => work.catch((error: unknown) => error));
    const closing = pool.close();
    openGate();
    await closing;
    const shuttingDown = expect.objectContaining({ kind: 'unavailable', code: 'shutting-down' });
    expect((await Promise.all(outcomes))[1]).toEqual(shuttingDown);
    expect(await outcomes[0]).toEqual(shuttingDown);
    await expect(echo('late')).rejects.toMatchObject({ code: 'shutting-down' });
  });
});
