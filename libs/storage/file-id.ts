import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';

/**
 * Names a file without telling where it lies: the same for every program on this machine that has it open, another one
 * for each copy. `undefined` when there is no file.
 */
export function fileId(path: string): string | undefined {
  const file = statSync(path, { throwIfNoEntry: false, bigint: true });
  if (file === undefined) return undefined;
  return createHash('sha256').update(`${file.dev}:${file.ino}`).digest('hex').slice(0, 16);
}
