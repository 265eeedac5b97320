import { constants } from 'node:fs';
import { open, readlink, realpath, type FileHandle } from 'node:fs/promises';

/** What came of looking at a file. */
export type Reading =
  | { bytes: Buffer; text: string }
  /** It is there, and cannot be indexed. */
  | { reason: string }
  /** It is not there, not a file, or lies elsewhere than its path says. */
  | 'not-there';

/** Neither through a link, nor waiting for the other end of a pipe. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const GONE = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'ENODEV', 'EISDIR', 'EMLINK'];

/**
 * Reads a file that lies at `path` and nowhere else, byte for byte. What was opened is looked at, not what the path
 * leads to by then: directories on the way may be replaced by links at any time.
 */
export async function readDocumentFile(path: Buffer, limit: number): Promise<Reading> {
  let file: FileHandle;
  try {
    file = await open(path, FLAGS);
  } catch (error) {
    const { code = '' } = error as { code?: string };
    if (GONE.includes(code)) return 'not-there';
    if (code === 'EACCES' || code === 'EPERM') return { reason: 'may not be read' };
    throw error;
  }
  try {
    const { size, nlink, isFile } = await stat(file);
    if (!isFile || !(await lies(file, path))) return 'not-there';
    // A second name may stand outside, and what it leads to may be meant for others.
    if (nlink > 1) return { reason: 'has more than one name (hard links)' };
    if (size > limit) return { reason: tooLarge(size, limit) };
    const bytes = await readAll(file, size);
    return bytes.length > limit ? { reason: tooLarge(bytes.length, limit) } : decode(bytes);
  } finally {
    await file.close();
  }
}

async function stat(file: FileHandle): Promise<{ size: number; nlink: number; isFile: boolean }> {
  const { size, nlink, isFile } = await file.stat().then((found) => ({
    size: found.size,
    nlink: found.nlink,
    isFile: found.isFile(),
  }));
  return { size, nlink, isFile };
}

async function lies(file: FileHandle, path: Buffer): Promise<boolean> {
  const real = await readlink(`/proc/self/fd/${file.fd}`, { encoding: 'buffer' }).catch(() =>
    realpath(path, { encoding: 'buffer' }).catch(() => Buffer.alloc(0)),
  );
  return real.equals(path);
}

/** As much as there was when it was looked at, and one byte more where it has grown. */
async function readAll(file: FileHandle, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(size + 1);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, Math.min(filled, size));
}

const tooLarge = (size: number, limit: number): string =>
  `has ${size.toLocaleString('en')} bytes; at most ${limit.toLocaleString('en')} are indexed`;

function decode(bytes: Buffer): Reading {
  if (bytes.includes(0)) return { reason: 'is binary: it holds a NUL byte' };
  try {
    return { bytes, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { reason: 'is not valid UTF-8' };
  }
}
