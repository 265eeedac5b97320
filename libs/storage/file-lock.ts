import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { makeDirectory } from './disk.js';

/**
 * A lock that the system gives back when its holder dies, however it dies. Node cannot lock files, SQLite can: this is the
 * lock on an empty database of its own, so it tells who is there whatever has become of the file it guards.
 */
export class FileLock {
  private constructor(private readonly connection: Sqlite.Database) {}

  /** Many may hold this at once: a reader's lock, kept until its connection is closed. `undefined` while it is held alone. */
  static share(path: string): FileLock | undefined {
    return FileLock.take(path, 'PRAGMA locking_mode = EXCLUSIVE; SELECT count(*) FROM sqlite_schema');
  }

  /** Only one may hold this; `undefined` while anybody holds it, alone or with others. */
  static alone(path: string, patience = 0): FileLock | undefined {
    return FileLock.take(path, 'BEGIN EXCLUSIVE', patience);
  }

  release(): void {
    this.connection.close();
  }

  private static take(path: string, script: string, timeout = 0): FileLock | undefined {
    makeDirectory(dirname(path));
    const connection = new Sqlite(path, { timeout });
    try {
      connection.pragma('journal_mode = MEMORY');
      connection.exec(script);
      return new FileLock(connection);
    } catch (error) {
      connection.close();
      if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY')) return undefined;
      throw error;
    }
  }
}

/** The lock that every program holds, with others, while it has this database open. */
export const lockOf = (path: string): string => `${path}-lock`;
