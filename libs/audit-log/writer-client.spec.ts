import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { catalog } from '#assembly';
import { DomainError } from '#kernel';
import { memory } from '#memories';
import { Database } from '#storage';
import { migratedFile, WRITER_THREAD } from '../../test/support/audit-logs.js';
import { caller } from '../../test/support/house.js';
import { SqliteAuditLog } from './sqlite-audit-log.js';
import { decideStep } from './transactor.js';
import { WriterClient } from './writer-client.js';
import type { WriterRequest } from './writer.js';

const put = (key: string, mode: 'add' | 'put' = 'put'): WriterRequest => ({
  kind: 'execute',
  work: {
    caller: caller(),
    steps: [decideStep(memory, { type: 'WriteMemory', mode, namespace: 'user:alice', key, value: { n: 1 } })],
  },
});

describe('The writer thread', () => {
  let path: string;
  let writer: WriterClient;
  beforeEach(() => {
    path = migratedFile();
    writer = new WriterClient(WRITER_THREAD, { path, synchronous: 'NORMAL' });
  });
  afterEach(() => writer.close());

  it('answers each request with its own result', async () => {
    const answers = (await Promise.all(['a', 'b', 'c'].map((key) => writer.settle(put(key))))) as {
      position: number;
    }[];
    expect(answers.map(({ position }) => position)).toEqual([1, 2, 3]);
  });

  it('settles what waits together in one transaction, and tells about it', async () => {
    const sizes: number[] = [];
    const waited: number[] = [];
    writer.onBatch = (size, _, waits) => {
      sizes.push(size);
      waited.push(waits.length);
    };
    await Promise.all(Array.from({ length: 40 }, (_, n) => writer.settle(put(`key ${n}`))));
    expect(sizes).toEqual([40]);
    expect(waited).toEqual([40]);
    expect(writer.depth).toBe(0);
  });

  it('takes at most 256 requests into one transaction', async () => {
    const sizes: number[] = [];
    writer.onBatch = (size) => sizes.push(size);
    await Promise.all(Array.from({ length: 600 }, (_, n) => writer.settle(put(`key ${n}`))));
    expect(sizes).toEqual([256, 256, 88]);
  });

  it('refuses as the domain does, across the border of the thread', async () => {
    await writer.settle(put('a'));
    const refusal = await writer.settle(put('a', 'add')).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(DomainError);
    expect(refusal).toMatchObject({ kind: 'conflict', code: 'memory-exists', details: { failed_step: 0 } });
  });

  it('tells what else went wrong, and goes on', async () => {
    const failing: WriterRequest = { kind: 'chore', chore: 'catch-up', input: 'nobody knows it' };
    await expect(writer.settle(failing)).rejects.toThrow(/undefined/);
    await expect(writer.settle(put('a'))).resolves.toMatchObject({ position: 1 });
    expect(writer.failure).toBeUndefined();
  });

  it('finishes what was asked before it closes, and takes nothing afterwards', async () => {
    const answers = Array.from({ length: 20 }, (_, n) => writer.settle(put(`key ${n}`)));
    await writer.close();
    await expect(Promise.all(answers)).resolves.toHaveLength(20);
    await expect(writer.settle(put('late'))).rejects.toMatchObject({ code: 'shutting-down' });
    const db = Database.open({ path, readonly: true });
    const { position } = await new SqliteAuditLog(db, catalog, writer).head();
    expect(position).toBe(20);
    db.close();
  });
});

describe('A writer thread that is gone', () => {
  const nowhere = pathToFileURL(join(process.cwd(), 'dist/nowhere.js'));

  it('is told of once, and everybody who waits or comes later hears why', async () => {
    const writer = new WriterClient(nowhere, {});
    const deaths: Error[] = [];
    writer.onDeath = (error) => deaths.push(error);
    const waiting = [writer.settle(put('a')), writer.settle(put('b'))].map((work) =>
      work.catch((error: Error) => error),
    );
    const reasons = await Promise.all(waiting);
    expect(reasons).toEqual([writer.failure, writer.failure]);
    expect(writer.failure!.message).toContain('nowhere.js');
    await expect(writer.settle(put('c'))).rejects.toBe(writer.failure);
    await writer.close();
    expect(deaths).toEqual([writer.failure]);
  });
});
