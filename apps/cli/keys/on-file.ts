import { ApiKeys, pepperIn } from '#access';
import { assembleWriter, catalog, keyEnvironment, migrateFile, readConfig, signingDirectory } from '#assembly';
import { SqliteAuditLog, type Settler } from '#audit-log';
import { Database, ReadSide, type ReaderPool } from '#storage';

/** Works on the keys in the file, which is made if there is none: so the first key can be made before a server starts. */
export async function withKeys<T>(path: string | undefined, work: (keys: ApiKeys) => Promise<T>): Promise<T> {
  const given = readConfig(process.env);
  const config = { ...given, ABATHUR_DB_PATH: path ?? given.ABATHUR_DB_PATH };
  migrateFile(config);
  const db = Database.open({ path: config.ABATHUR_DB_PATH, synchronous: config.ABATHUR_DB_SYNCHRONOUS });
  try {
    const writer = assembleWriter(db);
    const settler: Settler = {
      settle: async (request) => {
        const [settled] = writer.batch([request]);
        if ('error' in settled!) throw settled.error;
        return settled!.value;
      },
    };
    const reads = new ReadSide(db, { run: async (read, input) => read.run(db, input) } as ReaderPool);
    const log = new SqliteAuditLog(db, catalog, settler);
    return await work(new ApiKeys(log, reads, () => pepperIn(signingDirectory(config)), keyEnvironment(config)));
  } finally {
    db.close();
  }
}
