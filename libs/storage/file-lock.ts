import Sqlite from 'better-sqlite3';

/**
 * A lock that one process at a time holds, whatever becomes of it: the system gives it back when the process ends, kill -9
 * included, so nobody waits for a lease to run out. It lies on an empty file of its own, which stays.
 */
export class FileLock {
  private constructor(private readonly connection: Sqlite.Database) {}

  /** The lock; nothing when somebody holds it, in this process or another. */
  static take(path: string): FileLock | undefined {
    const connection = new Sqlite(path, { timeout: 0 });
    try {
      connection.exec('BEGIN IMMEDIATE');
      return new FileLock(connection);
    } catch (error) {
      connection.close();
      if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY')) return undefined;
      throw error;
    }
  }

  release(): void {
    this.connection.close();
  }
}
