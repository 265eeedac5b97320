import { constants } from 'node:fs';
import { open, readlink, realpath, type FileHandle } from 'node:fs/promises';

/** What came of looking at a file. */
export type Reading =
  | { bytes: Buffer; text: string }
  /** It is there, and cannot be indexed. */
  | { reason: string }
  /** It is not there, not a file, lies elsewhere than its path says, or is being written. */
  | 'not-there';

/** Neither through a link, nor waiting for the other end of a pipe. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const LACKS = ['EMFILE', 'ENFILE', 'ENOMEM'];
const GONE = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'ENODEV', 'EISDIR', 'EMLINK'];

/**
 * Reads a file that lies at `path` and nowhere else, byte for byte. What was opened is looked at, not what the path
 * leads to by then: directories on the way may be replaced by links at any time.
 */
export async function readDocumentFile(path: Buffer, limit: number): Promise<Reading> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, FLAGS);
    return await readOpened(file, path, limit);
  } catch (error) {
    const { code } = error as { code?: string };
    // What this process lacks says nothing about the file.
    if (code === undefined || LACKS.includes(code)) throw error;
    return file === undefined && GONE.includes(code) ? 'not-there' : { reason: `cannot be read (${code})` };
  } finally {
    await file?.close();
  }
}

async function readOpened(file: FileHandle, path: Buffer, limit: number): Promise<Reading> {
  const found = await file.stat();
  if (!found.isFile() || !(await lies(file, path))) return 'not-there';
  // A second name may stand outside, and what it leads to may be meant for others.
  if (found.nlink > 1) return { reason: 'has more than one name (hard links)' };
  if (found.size > limit) return { reason: tooLarge(found.size, limit) };
  const bytes = await readAll(file, found.size);
  // It is being written: the next look finds out.
  return bytes.length > found.size ? 'not-there' : decode(bytes);
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
  return bytes.subarray(0, filled);
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
