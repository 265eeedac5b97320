import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'pepper';
const BYTES = 32;

/**
 * What the secrets of keys are hashed with, in a file beside the database and not in it: a stolen database or backup opens
 * nothing. Made where there is none; whoever moves the database elsewhere takes it along, or makes new keys.
 */
export function pepperIn(directory: string): Buffer {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, FILE);
  try {
    writeFileSync(path, randomBytes(BYTES).toString('base64url'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const pepper = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64url');
  if (pepper.length !== BYTES) throw new Error(`${path} does not hold the ${BYTES} bytes that keys are hashed with.`);
  return pepper;
}
