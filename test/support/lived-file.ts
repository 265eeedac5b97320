import { join } from 'node:path';
import { directly, SqliteAuditLog } from '#audit-log';
import { assembleWriter, catalog } from '#assembly';
import { Database, migrate, readMigrations } from '#storage';
import { live } from './history.js';
import { catchUp, MIGRATIONS } from './house.js';
import { temporaryDirectory } from './server.js';

/** A database file with a life in it, beside a place for backups, and the settings that name both. */
export interface LivedFile {
  directory: string;
  path: string;
  environment: Record<string, string>;
}

export async function livedFile(works: number, seed = 7): Promise<LivedFile> {
  const directory = temporaryDirectory();
  const path = join(directory, 'abathur.db');
  await liveOn(path, works, seed);
  return { directory, path, environment: { ABATHUR_DB_PATH: path, ABATHUR_BACKUP_DIR: join(directory, 'backups') } };
}

/** Lives on in a file, whoever made it. */
export async function liveOn(path: string, works: number, seed: number): Promise<void> {
  const db = Database.open({ path, synchronous: 'NORMAL' });
  try {
    migrate(db, readMigrations(MIGRATIONS));
    const log = new SqliteAuditLog(db, catalog, directly(assembleWriter(db)));
    await live(log, seed, works);
    await catchUp({ log });
  } finally {
    db.close();
  }
}
