import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'pepper';
const BYTES = 32;

/**
 * What the secrets of keys are hashed with, in a file beside the database and not in it: a stolen database or backup opens
 * nothing. Made where there is none, whole or not at all; whoever moves the database elsewhere takes it along, or makes
 * new keys.
 */
export function pepperIn(directory: string): Buffer {
  const path = join(directory, FILE);
  if (!existsSync(path)) make(directory, path);
  const pepper = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64url');
  if (pepper.length !== BYTES)
    throw new Error(
      `${path} does not hold the ${BYTES} bytes that keys are hashed with: bring it back, or remove it and make new keys.`,
    );
  return pepper;
}

function make(directory: string, path: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  try {
    writeFileSync(draft, randomBytes(BYTES).toString('base64url'), { mode: 0o600, flush: true });
    linkSync(draft, path);
  } catch (error) {
    // Another process was faster: its pepper is everybody's.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
