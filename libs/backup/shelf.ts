import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { DomainError } from '#kernel';
import { FileLock, makeDirectory, sync } from '#storage';
import { MANIFEST, readManifest, type Manifest } from './manifest.js';

/** A backup: a directory with the packed copy and its manifest. */
export interface Backup {
  directory: string;
  manifest: Manifest;
}

const DAY = 24 * 3600 * 1000;
/** What is not a backup yet, or no longer: nobody lists it, and whoever holds the lock removes it. */
const UNFINISHED = '.unfinished-';

/** The directory where backups are. One appears whole, under its name, or not at all. */
export class Shelf {
  constructor(readonly directory: string) {}

  /** Those that there are, newest first. */
  list(): Backup[] {
    return this.names().flatMap((name) => {
      try {
        return [open(join(this.directory, name))];
      } catch {
        return [];
      }
    });
  }

  /** Names of what looks like a backup but cannot be read. */
  unreadable(): string[] {
    const read = new Set(this.list().map(({ directory }) => basename(directory)));
    return this.names().filter((name) => !read.has(name));
  }

  /** The one of that name, the newest one that was not taken of a database about to be replaced, or one by its path. */
  find(name: string): Backup {
    if (name === 'latest') {
      const latest = this.good()[0];
      if (latest !== undefined) return latest;
      throw missing(`There is no backup in ${this.directory}.`, 'Take one: abathur backup.');
    }
    const path = [join(this.directory, name), resolve(name)].find((candidate) => existsSync(candidate));
    if (path === undefined)
      throw missing(`There is no backup ${name} in ${this.directory}.`, 'See which there are: abathur backup list.');
    return open(basename(path) === MANIFEST ? dirname(path) : path);
  }

  /** Those that were not taken of a database about to be replaced, newest first. */
  good(): Backup[] {
    return this.list().filter(({ manifest }) => manifest.reason !== 'safety');
  }

  /** Makes the shelf, and has it to oneself while a backup is made: never two at once, whichever programs they are of. */
  reserve(): FileLock {
    const lock = this.lock();
    if (lock === undefined) {
      throw new DomainError('conflict', 'backup-running', `Another backup into ${this.directory} is being made.`, {
        hint: 'Wait until it is there: abathur backup list.',
      });
    }
    for (const name of readdirSync(this.directory)) {
      if (name.startsWith(UNFINISHED)) rmSync(join(this.directory, name), { recursive: true, force: true });
    }
    return lock;
  }

  /** Removes what a backup has left behind that was cut off. */
  tidy(): void {
    this.reserve().release();
  }

  /** Where a backup is made until it is whole. */
  workplace(id: string): string {
    const directory = join(this.directory, UNFINISHED + id);
    mkdirSync(directory, { mode: 0o700 });
    return directory;
  }

  /** Gives a backup that is whole its name. */
  finish(workplace: string, manifest: Manifest): Backup {
    const path = join(workplace, MANIFEST);
    writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600, flush: true });
    sync(workplace);
    const directory = join(this.directory, manifest.id);
    renameSync(workplace, directory);
    sync(this.directory);
    return { directory, manifest };
  }

  /** Removes what is older than so many days, but never the newest good one. Returns what it removed. */
  prune(days: number, now: number): string[] {
    const [newest] = this.good();
    const old = this.list().filter(
      ({ directory, manifest }) =>
        directory !== newest?.directory && Date.parse(manifest.created_at) < now - days * DAY,
    );
    for (const { directory } of old) {
      const going = join(this.directory, UNFINISHED + basename(directory));
      renameSync(directory, going);
      rmSync(going, { recursive: true, force: true });
    }
    return old.map(({ manifest }) => manifest.id);
  }

  private lock(): FileLock | undefined {
    try {
      makeDirectory(this.directory, 0o700);
      return FileLock.alone(join(this.directory, '.lock'));
    } catch (error) {
      const { code = 'unknown' } = error as { code?: string };
      throw new DomainError(
        'unavailable',
        'cannot-write-backups',
        `${this.directory} cannot be written to (${code}).`,
        {
          hint: 'Set ABATHUR_BACKUP_DIR to a directory that this user may write, or name one with --out.',
        },
      );
    }
  }

  private names(): string[] {
    if (!existsSync(this.directory)) return [];
    return readdirSync(this.directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name)
      .toSorted()
      .toReversed();
  }
}

const open = (directory: string): Backup => ({ directory, manifest: readManifest(directory) });

const missing = (message: string, hint: string): DomainError =>
  new DomainError('not-found', 'backup-not-found', message, { hint });
