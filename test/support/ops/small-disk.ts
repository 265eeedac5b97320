import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../server.js';

/** A partition of its own that lies in memory, and can be filled. */
export interface SmallDisk {
  path: string;
  /** Fills it until only this share of it is free. */
  fill(free: number): void;
  /** Gives back what it was filled with. */
  empty(): void;
  unmount(): void;
}

export function smallDisk(megabytes: number): SmallDisk {
  const path = temporaryDirectory();
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'abathur', path]);
  const unmount = (): void => void execFileSync('umount', ['--lazy', path]);
  process.once('exit', unmount);
  const filling = join(path, 'filling');
  return {
    path,
    fill: (free) => {
      const file = openSync(filling, 'a');
      const block = Buffer.alloc(64 * 1024);
      for (;;) {
        const { bavail, blocks } = statfsSync(path);
        if (bavail / blocks < free) break;
        writeSync(file, block);
      }
      closeSync(file);
    },
    empty: () => rmSync(filling),
    unmount: () => {
      process.removeListener('exit', unmount);
      unmount();
    },
  };
}
