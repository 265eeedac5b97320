import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { EXIT, Failure } from '../failure.js';

/**
 * Writes pieces of text to a file that is there only when all of it is: under another name until then. Returns the last
 * line.
 */
export async function writeWhole(path: string, pieces: AsyncIterable<string>): Promise<string> {
  const partial = `${path}.partial`;
  const out = createWriteStream(partial);
  let end = '';
  try {
    await once(out, 'open');
    for await (const piece of pieces) {
      end = (end + piece).slice(-4096);
      if (!out.write(piece)) await once(out, 'drain');
    }
    out.end();
    await once(out, 'finish');
    await rename(partial, path);
  } catch (error) {
    out.destroy();
    await rm(partial, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    throw new Failure(
      EXIT.noInput,
      'cannot-write',
      `${path} cannot be written (${code}).`,
      'Name another file with --out.',
    );
  }
  return end.trimEnd().split('\n').at(-1)!;
}
