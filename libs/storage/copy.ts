import { linkSync, rmSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import * as sqliteVec from 'sqlite-vec';
import { notADatabase } from './database.js';

/**
 * Writes the database as it is at this moment into a new file, while others go on writing. Not synced: whoever keeps the
 * copy syncs what is kept. On a connection of its own, because one that only asks may not run VACUUM.
 */
export function copyInto(path: string, target: string): void {
  const connection = new Sqlite(path, { fileMustExist: true, timeout: 5000 });
  try {
    sqliteVec.load(connection);
    connection.pragma('synchronous = OFF');
    connection.prepare('VACUUM INTO ?').run(target);
  } catch (error) {
    throw notADatabase(path, error);
  } finally {
    connection.close();
  }
}

/**
 * Whether any program, ours or not, has the database open: then the system does not give its lock away. Asked by a second
 * name for the same file, because SQLite looks for a write-ahead log by name, and what lies beside a broken file is not to
 * be touched.
 */
export function isOpenSomewhere(path: string): boolean {
  const probe = `${path}.probe-${process.pid}`;
  try {
    linkSync(path, probe);
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return false;
    throw error;
  }
  const connection = new Sqlite(probe, { timeout: 0 });
  try {
    connection.pragma('locking_mode = EXCLUSIVE');
    connection.exec('BEGIN EXCLUSIVE');
    return false;
  } catch (error) {
    // Anything else says that it is no database: nobody can have it open as one.
    return (error as { code?: string }).code?.startsWith('SQLITE_BUSY') === true;
  } finally {
    connection.close();
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${probe}${suffix}`, { force: true });
  }
}
