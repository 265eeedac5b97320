import { realpath } from 'node:fs/promises';
import { basename, relative, resolve, sep } from 'node:path';
import { DomainError, invalid } from '#kernel';

/** A directory that is watched, and the name under which its files are known. */
export interface Folder {
  name: string;
  /** Absolute, as it was set; what it leads to is found out each time. */
  path: string;
}

/** Something in a folder: itself (empty), a directory or a file. Names are bytes, and need not be UTF-8. */
export interface Scope {
  folder: Folder;
  /** Relative to the folder, without a leading slash. */
  within: Buffer;
}

/** The watched directories, comma-separated as in the setting. Each is known by its last name. */
export function foldersOf(setting: string): Folder[] {
  const folders = setting
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .map((one) => resolve(one))
    .map((path) => ({ path, name: basename(path) || 'root' }));
  for (const [index, one] of folders.entries()) {
    for (const other of folders.slice(index + 1)) {
      if (isWithin(one.path, other.path) || isWithin(other.path, one.path))
        throw new RangeError(`must not hold a directory twice or one within another: ${one.path}, ${other.path}`);
      if (one.name === other.name)
        throw new RangeError(`must not hold two directories of one name: ${one.path}, ${other.path}`);
    }
  }
  return folders;
}

const isWithin = (directory: string, path: string): boolean =>
  path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);

/** What a client means by a directory: a path, or a name as `file_path` has it. Never anything outside of the folders. */
export async function scopeOf(folders: Folder[], directory: string): Promise<Scope> {
  const path = resolve(directory);
  for (const folder of folders) {
    const named = directory === folder.name || directory.startsWith(`${folder.name}/`);
    const meant = isWithin(folder.path, path)
      ? path
      : named
        ? resolve(folder.path, `.${directory.slice(folder.name.length)}`)
        : undefined;
    if (meant === undefined || !isWithin(folder.path, meant)) continue;
    const [root, real] = await Promise.all([realpath(folder.path), realpath(meant)]).catch(() => [
      undefined,
      undefined,
    ]);
    if (root === undefined || real === undefined) throw invalid('directory', 'is not there');
    // A link inside may lead outside.
    if (isWithin(root, real) && relative(root, real) === relative(folder.path, meant))
      return { folder, within: Buffer.from(relative(root, real)) };
  }
  throw notWatched();
}

const notWatched = (): DomainError =>
  invalid('directory', 'is not watched', 'Watched directories are set by ABATHUR_DOCUMENT_DIRS.');

/** Files that are documents, by their name. */
export const isMarkdown = (name: Buffer): boolean => /\.(md|markdown)$/i.test(name.toString('latin1'));

/** What is not looked into: hidden directories and files, and installed packages. */
export const isHidden = (name: Buffer): boolean => name[0] === 0x2e || name.equals(PACKAGES);
const PACKAGES = Buffer.from('node_modules');

const SLASH = Buffer.from('/');

export const below = (directory: Buffer, name: Buffer): Buffer =>
  directory.length === 0 ? name : Buffer.concat([directory, SLASH, name]);

/** Where something is, given where its folder really is. */
export const placeOf = (root: Buffer, within: Buffer): Buffer =>
  within.length === 0 ? root : below(root.equals(SLASH) ? Buffer.alloc(0) : root, within);

/** The path under which something is known: the folder's name before it. */
export const pathOf = ({ folder, within }: Scope): string =>
  within.length === 0 ? folder.name : `${folder.name}/${textOf(within)}`;

/**
 * A name as text. Where it is not UTF-8, each byte that is not is spelled `\uFFFD` and two hexadecimal digits, and so is that
 * character itself: two names never become one.
 */
export function textOf(name: Buffer): string {
  const text = name.toString('utf8');
  if (!text.includes('\uFFFD')) return text;
  let result = '';
  for (let index = 0; index < name.length;) {
    const length = [1, 2, 3, 4].find((size) => isCharacter(name.subarray(index, index + size), size));
    result +=
      length === undefined
        ? `\uFFFD${name[index]!.toString(16).toUpperCase().padStart(2, '0')}`
        : name.toString('utf8', index, index + length);
    index += length ?? 1;
  }
  return result;
}

function isCharacter(bytes: Buffer, size: number): boolean {
  const text = bytes.toString('utf8');
  return bytes.length === size && [...text].length === 1 && text !== '\uFFFD' && Buffer.from(text).equals(bytes);
}
