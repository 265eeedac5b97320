import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from '@jest/globals';
import { ReaderPool } from '#storage';
import { migratedFile } from '../support/audit-logs.js';

const named = (name: string) => ({ name, run: () => undefined });

// Fifty reads at once had fifteen threads started, and fifteen of the reads waited seconds for these, while the readers
// that were there had long been free again.
it('R-S3 gives a read that waits to whichever reader is free first, not to one that is only starting', async () => {
  const starts = new Int32Array(new SharedArrayBuffer(8));
  const pool = new ReaderPool({
    script: pathToFileURL(join(process.cwd(), 'test/support/reader.thread.mjs')),
    workerData: { path: migratedFile(), readonly: true, starts },
    min: 1,
    max: 3,
    acquireTimeout: 60_000,
  });
  pool.fill();
  expect(await pool.run(named('echo'), 'there')).toBe('there');
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const held = pool.run(named('wait'), { gate, answer: 'held' });
  const waiting = [1, 2, 3, 4].map((n) => pool.run(named('echo'), n));
  // One more is on its way, which does not come; no third one before it is there.
  expect(pool.status()).toMatchObject({ size: 2, in_use: 1, waiting: 4 });
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  expect(await Promise.all([held, ...waiting])).toEqual(['held', 1, 2, 3, 4]);
  // A pool is closed when all that were started are there.
  Atomics.store(starts, 1, 1);
  Atomics.notify(starts, 1);
  await pool.close();
});
