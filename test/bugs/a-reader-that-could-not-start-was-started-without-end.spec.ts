import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { ReaderPool } from '#storage';
import { temporaryDirectory } from '../support/server.js';

// Each reader that ended at its start was replaced at once by the next: a busy loop of threads.
it('R-S3 waits longer and longer before it starts another reader where none can start', async () => {
  const script = join(temporaryDirectory(), 'broken.mjs');
  writeFileSync(script, 'throw new Error("cannot start");');
  const pool = new ReaderPool({
    script: pathToFileURL(script),
    workerData: null,
    min: 2,
    max: 4,
    acquireTimeout: 1200,
  });
  pool.fill();
  const read = { name: 'echo', run: () => undefined };
  // Whoever asks meanwhile is told what is wrong, or waits as long as anybody waits for a reader.
  const answers = await Promise.allSettled(Array.from({ length: 6 }, () => pool.run(read, null)));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 'rejected'));
  expect(pool.started).toBeLessThan(30);
  await pool.close();
});
