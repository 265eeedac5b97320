import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from '@jest/globals';
import { ReaderPool } from '#storage';
import { migratedFile } from '../support/audit-logs.js';

const open = (): ReaderPool =>
  new ReaderPool({
    script: pathToFileURL(join(process.cwd(), 'test/support/reader.thread.mjs')),
    workerData: { path: migratedFile(), readonly: true },
    min: 1,
    max: 1,
    acquireTimeout: 10_000,
  });
const named = (name: string) => ({ name, run: () => undefined });

// A thread that ends without an error event was still counted as busy, and what it read was never answered.
it('R-S3 answers a read whose thread ended, and has another reader afterwards', async () => {
  const pool = open();
  await expect(pool.run(named('exit'), null)).rejects.toThrow('A reader thread exited with code 3');
  expect(await pool.run(named('echo'), 'here')).toBe('here');
  await pool.close();
});

it('R-S3 answers a read that is under way when the pool is closed', async () => {
  const pool = open();
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const read = pool.run(named('wait'), { gate, answer: null }).catch((error: unknown) => error);
  await pool.close();
  expect(await read).toMatchObject({ code: 'shutting-down' });
});
