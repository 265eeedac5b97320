import { join } from 'node:path';
import type { Knowledge, Reason, TakeOptions } from '#backup';
import { forgetUnusedTexts } from '#search';
import { readMigrations, sql } from '#storage';
import type { Config } from './config.js';
import { eraseAgain } from './erasure/erase-file.js';
import { ERASURES } from './erasure/erasure.list.js';
import { catalog, projectors } from './features.js';
import { PROJECT_ROOT, VERSION } from './project.js';

/** The program that copies, checks and restores beside whoever asked for it. */
export const BACKUP_PROCESS = new URL('./backup.process.js', import.meta.url);

/** What backups have to know of the features. */
export const backupKnowledge = (): Knowledge => ({
  catalog,
  projectors,
  migrations: readMigrations(join(PROJECT_ROOT, 'migrations')),
  forgetLater: (db) => {
    forgetUnusedTexts(db);
    db.run(sql`DELETE FROM api_key_uses WHERE id NOT IN (SELECT id FROM api_keys)`);
    db.run(sql`UPDATE reactions SET position = min(position, (SELECT coalesce(max(position), 0) FROM audit))`);
  },
  eraseAgain: async (path, directory, onErased) =>
    (await eraseAgain({ path, synchronous: 'NORMAL' }, join(directory, ERASURES), onErased)).length,
});

export const takeOptions = (config: Config, reason: Reason): TakeOptions => ({
  database: config.ABATHUR_DB_PATH,
  directory: config.ABATHUR_BACKUP_DIR,
  keepDays: config.ABATHUR_BACKUP_KEEP_DAYS,
  programVersion: VERSION,
  reason,
});
