import { basename, dirname, extname, join } from 'node:path';
import { ApiKeys, KeyUses, pepperIn, ReadAudit } from '#access';
import { LogKeys, LogSigner, SqliteAuditLog, WriterClient } from '#audit-log';
import { Backups } from '#backup';
import { FolderSync, foldersOf } from '#documents';
import { Jobs } from '#jobs';
import { Operations } from '#operations';
import { Meaning, OllamaChat, SearchIds, searchIdKey, watchedEmbedder } from '#search';
import { DomainError } from '#kernel';
import { Database, FileLock, lockOf, migrate, readMigrations, ReadSide, takesNoWrites } from '#storage';
import { Log, Metrics } from '#telemetry';
import { BACKUP_PROCESS, takeOptions } from './backup.js';
import { systemCaller } from './caller.js';
import type { Config } from './config.js';
import { chooseEmbedder, embedderFor } from './embedders.js';
import { Erasures } from './erasure/erasures.js';
import { catalog } from './features.js';
import { IntegrityWatch } from './integrity/watch.js';
import { jobsOf } from './jobs.js';
import { observe, observeCalls, observeOperations, observeSyncs } from './observe.js';
import type { House } from './open-house.js';
import { PROJECT_ROOT, VERSION } from './project.js';
import { Rebuilds, tidyRebuilds } from './rebuilds.js';
import { openReaders } from './readers.js';

export type { House } from './open-house.js';

/** Migrates, then opens: the main thread's reading connection, the reader threads and the writer thread. */
export async function openHouse(config: Config): Promise<House> {
  const { ABATHUR_DB_PATH: path, ABATHUR_DB_SYNCHRONOUS: synchronous } = config;
  const walAutocheckpoint = config.ABATHUR_DB_WAL_AUTOCHECKPOINT;
  const log = Log.create(config.ABATHUR_LOG_LEVEL);
  const metrics = new Metrics(VERSION);
  const presence = enter(path);
  migrateFile(config);
  tidyRebuilds(path);
  const db = Database.open({ path, readonly: true, synchronous, walAutocheckpoint });
  const writer = new WriterClient(new URL('./writer.thread.js', import.meta.url), {
    path,
    synchronous,
    walAutocheckpoint,
    episodicTtlDays: config.ABATHUR_EPISODIC_TTL_DAYS,
  });
  const pool = openReaders(config);
  const reads = new ReadSide(db, pool);
  const onCall = observeCalls(metrics);
  const embedder = watchedEmbedder(
    await chooseEmbedder(config, (error) => log.error('embeddings-down', error)),
    onCall,
  );
  const meaning = new Meaning(
    reads,
    embedder,
    (name, dimensions) => {
      const other = embedderFor(config, name, dimensions);
      return other && watchedEmbedder(other, onCall);
    },
    (error) => log.warn('search-degraded', { reason: (error as Error).message }),
  );
  const auditLog = new SqliteAuditLog(db, catalog, writer);
  const keyUses = new KeyUses(auditLog);
  const readAudit = new ReadAudit({
    log: auditLog,
    caller: systemCaller,
    onFailure: (error, waiting, lost) => log.error('reads-not-recorded', error, { waiting, lost }),
  });
  const logKeys = new LogKeys(signingDirectory(config));
  logKeys.create();
  const folders = new FolderSync({
    folders: foldersOf(config.ABATHUR_DOCUMENT_DIRS),
    log: auditLog,
    reads,
    caller: systemCaller,
    ...observeSyncs(metrics),
  });
  const operations = new Operations(auditLog, reads, observeOperations(metrics, log));
  const rebuilds = new Rebuilds({ path, synchronous }, auditLog, reads, writer, operations);
  const backups = new Backups(BACKUP_PROCESS, takeOptions(config, 'manual'));
  const signer = new LogSigner(logKeys, reads, auditLog);
  const erasures = new Erasures({
    file: { path, synchronous },
    backupDirectory: config.ABATHUR_BACKUP_DIR,
    keepDays: config.ABATHUR_BACKUP_KEEP_DAYS,
    log: auditLog,
    reads,
    writer,
    operations,
    backups,
    signer,
    noted: () => readAudit.flush(),
  });
  const integrity = new IntegrityWatch(path);
  const house: House = {
    config,
    log,
    metrics,
    db,
    pool,
    reads,
    meaning,
    chat: new OllamaChat(config.OLLAMA_HOST, config.ABATHUR_CHAT_MODEL, config.ABATHUR_CHAT_TIMEOUT_MS),
    searchIds: new SearchIds(reads.point(searchIdKey, null)),
    writer,
    auditLog,
    readAudit,
    signer,
    keys: new ApiKeys(auditLog, reads, () => pepperIn(signingDirectory(config)), keyEnvironment(config), keyUses),
    folders,
    operations,
    rebuilds,
    backups,
    erasures,
    integrity,
    jobs: new Jobs(
      jobsOf(() => house),
      auditLog,
      reads,
      operations,
    ),
    close: async () => {
      await readAudit.flush();
      await keyUses.flush();
      await folders.stop();
      backups.stop();
      await erasures.close();
      await integrity.close();
      await operations.close();
      await rebuilds.close();
      // The writer last: the last connection that may write folds the write-ahead log into the file.
      await pool.close();
      db.close();
      await writer.close();
      integrity.release();
      presence.release();
      log.flush();
    },
  };
  observe(house);
  return house;
}

/** Tells everybody that this database is open here, for as long as this process lives. */
function enter(path: string): FileLock {
  let presence: FileLock | undefined;
  try {
    presence = FileLock.share(lockOf(path));
  } catch (error) {
    // What is wrong with the place is better told of the file than of its lock.
    Database.open({ path }).close();
    throw error;
  }
  refuseReadOnly(path);
  if (presence !== undefined) return presence;
  throw new DomainError('unavailable', 'database-being-restored', `${path} is being restored.`, {
    hint: 'Start again when that is done.',
  });
}

/** A disk that takes no writes any more may still have let the lock be taken. */
function refuseReadOnly(path: string): void {
  if (!takesNoWrites(path)) return;
  throw new DomainError('unavailable', 'cannot-open-database', `The file system of ${path} takes no writes.`, {
    hint: 'Look at its disk, and how it is mounted: a system lets nobody write any more where a disk reports errors.',
  });
}

/** Where the keys of this file's log are. */
export const signingDirectory = ({ ABATHUR_DB_PATH: path, ABATHUR_SIGNING_DIR: directory }: Config): string =>
  directory || join(dirname(path), `${basename(path, extname(path))}-signing`);

/** What a key says that it is for. */
export const keyEnvironment = ({ NODE_ENV }: Config): string => (NODE_ENV === 'production' ? 'live' : 'test');

/** Brings the file's schema up to date; returns what was applied. */
export function migrateFile({ ABATHUR_DB_PATH: path, ABATHUR_DB_SYNCHRONOUS: synchronous }: Config): string[] {
  const db = Database.open({ path, synchronous });
  try {
    return migrate(db, readMigrations(join(PROJECT_ROOT, 'migrations')));
  } finally {
    db.close();
  }
}
