import { assembleWriter, catalog, migrateFile, readConfig, type Config } from '#assembly';
import { directly, SqliteAuditLog } from '#audit-log';
import { Database, ReadSide, type ReaderPool } from '#storage';

/** Reads on the connection at hand: a command has no readers of its own. */
export const readsOf = (db: Database): ReadSide =>
  new ReadSide(db, { run: async (read, input) => read.run(db, input) } as ReaderPool);

/** Writes to the file itself, brought up to date and made if there is none; each write is a transaction of its own. */
export async function withLogOnFile<T>(
  path: string | undefined,
  work: (log: SqliteAuditLog, reads: ReadSide, config: Config) => Promise<T>,
): Promise<T> {
  const given = readConfig(process.env);
  const config = { ...given, ABATHUR_DB_PATH: path ?? given.ABATHUR_DB_PATH };
  migrateFile(config);
  const db = Database.open({ path: config.ABATHUR_DB_PATH, synchronous: config.ABATHUR_DB_SYNCHRONOUS });
  try {
    const log = new SqliteAuditLog(db, catalog, directly(assembleWriter(db)));
    return await work(log, readsOf(db), config);
  } finally {
    db.close();
  }
}
