import { statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { LogKeys, LogSigner, SqliteAuditLog, WriterClient } from '#audit-log';
import { Backups } from '#backup';
import { FolderSync, foldersOf, type SyncResult } from '#documents';
import { Jobs } from '#jobs';
import { Operations, type OperationObserver } from '#operations';
import { projectionStatus } from '#projections';
import { feedbackTotals, Meaning, OllamaChat, SearchIds, searchIdKey, searchStatus } from '#search';
import { DomainError } from '#kernel';
import { Database, diskOf, FileLock, lockOf, migrate, readMigrations, ReadSide, takesNoWrites } from '#storage';
import { Log, Metrics } from '#telemetry';
import { BACKUP_PROCESS, takeOptions } from './backup.js';
import { systemCaller } from './caller.js';
import type { Config } from './config.js';
import { chooseEmbedder, embedderFor } from './embedders.js';
import { Erasures } from './erasure/erasures.js';
import { catalog } from './features.js';
import { lastIntegrityReport } from './integrity/start.js';
import { IntegrityWatch } from './integrity/watch.js';
import { jobsOf } from './jobs.js';
import type { House } from './open-house.js';
import { PROJECT_ROOT, VERSION } from './project.js';
import { Rebuilds, tidyRebuilds } from './rebuilds.js';
import { openReaders } from './readers.js';

export type { House } from './open-house.js';

/** Migrates, then opens: the main thread's reading connection, the reader threads and the writer thread. */
export async function openHouse(config: Config): Promise<House> {
  const { ABATHUR_DB_PATH: path, ABATHUR_DB_SYNCHRONOUS: synchronous } = config;
  const log = Log.create(config.ABATHUR_LOG_LEVEL);
  const metrics = new Metrics(VERSION);
  const presence = enter(path);
  migrateFile(config);
  tidyRebuilds(path);
  const db = Database.open({ path, readonly: true, synchronous });
  const writer = new WriterClient(new URL('./writer.thread.js', import.meta.url), {
    path,
    synchronous,
    episodicTtlDays: config.ABATHUR_EPISODIC_TTL_DAYS,
  });
  const pool = openReaders(config);
  const reads = new ReadSide(db, pool);
  const embedder = await chooseEmbedder(config, (error) => log.error('embeddings-down', error));
  const meaning = new Meaning(
    reads,
    embedder,
    (name, dimensions) => embedderFor(config, name, dimensions),
    (error) => log.warn('search-degraded', { reason: (error as Error).message }),
  );
  const auditLog = new SqliteAuditLog(db, catalog, writer);
  const keys = new LogKeys(signingDirectory(config));
  keys.create();
  const folders = new FolderSync({
    folders: foldersOf(config.ABATHUR_DOCUMENT_DIRS),
    log: auditLog,
    reads,
    caller: systemCaller,
    onSynced: (result) => countSynced(metrics, result),
  });
  const operations = new Operations(auditLog, reads, observeOperations(metrics, log));
  const rebuilds = new Rebuilds({ path, synchronous }, auditLog, reads, writer, operations);
  const backups = new Backups(BACKUP_PROCESS, takeOptions(config, 'manual'));
  const signer = new LogSigner(keys, reads, auditLog);
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
    signer,
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

/** Brings the file's schema up to date; returns what was applied. */
export function migrateFile({ ABATHUR_DB_PATH: path, ABATHUR_DB_SYNCHRONOUS: synchronous }: Config): string[] {
  const db = Database.open({ path, synchronous });
  try {
    return migrate(db, readMigrations(join(PROJECT_ROOT, 'migrations')));
  } finally {
    db.close();
  }
}

function observe(house: House): void {
  const { metrics, writer, pool, reads, db, jobs, meaning } = house;
  const { embedder } = meaning;
  observeBackups(house);
  writer.onBatch = (size, seconds, waits) => {
    metrics.commitBatch.observe(size);
    metrics.commitDuration.observe(seconds);
    for (const wait of waits) metrics.writeDuration.observe(wait);
  };
  pool.onAcquired = (seconds) => metrics.poolAcquire.observe(seconds);
  let timeouts = 0;
  metrics.onScrape(() => {
    const status = pool.status();
    metrics.poolConnections.set({ state: 'in_use' }, status.in_use);
    metrics.poolConnections.set({ state: 'idle' }, status.size - status.in_use);
    metrics.poolMin.set(status.min);
    metrics.poolMax.set(status.max);
    metrics.poolWaiting.set(status.waiting);
    metrics.poolTimeouts.inc(status.timeouts - timeouts);
    timeouts = status.timeouts;
    metrics.writerQueue.set(writer.depth);
    metrics.dbSize.set(sizeOf(db.path));
    metrics.walSize.set(sizeOf(`${db.path}-wal`));
    const disk = diskOf(db.path);
    metrics.diskAvailable.set(disk.available);
    metrics.diskSize.set(disk.size);
    const { backlog, parked_count } = reads.point(searchStatus, {
      name: embedder.model,
      dimensions: embedder.dimensions,
    });
    metrics.embeddingBacklog.set(backlog);
    metrics.embeddingParked.set(parked_count);
    observeFeedback(metrics, reads);
    observeIntegrity(metrics, reads);
    observeJobs(metrics, jobs);
    for (const { name, position, lag } of reads.point(projectionStatus, null)) {
      metrics.projectionPosition.set({ projection: name }, position);
      metrics.projectionLag.set({ projection: name }, lag);
      metrics.logPosition.set(position + lag);
    }
  });
}

function observeBackups({ metrics, backups }: House): void {
  backups.onEnd = (succeeded) => metrics.backups.inc({ result: succeeded ? 'succeeded' : 'failed' });
  metrics.onScrape(() => {
    const latest = backups.latest()?.manifest;
    metrics.backupTime.set(latest === undefined ? 0 : Date.parse(latest.created_at) / 1000);
    metrics.backupDuration.set(latest?.seconds ?? 0);
    metrics.backupSize.set(latest?.packed.size ?? 0);
  });
}

const observeOperations = (metrics: Metrics, log: Log): OperationObserver => ({
  started: ({ kind }) => metrics.operationsRunning.inc({ kind }),
  ended: ({ id, kind, status }, seconds, error) => {
    metrics.operationsRunning.dec({ kind });
    metrics.operations.inc({ kind, result: status });
    metrics.operationDuration.observe({ kind }, seconds);
    if (error !== undefined) log.error('operation-failed', error, { id, kind });
  },
});

/** The last report, whichever process on the file made it. */
function observeIntegrity(metrics: Metrics, reads: ReadSide): void {
  const report = lastIntegrityReport(reads);
  if (report === null) return;
  for (const { name: check, ok, flaw_count } of report.checks) {
    metrics.integrityOk.set({ check }, ok ? 1 : 0);
    metrics.integrityFlaws.set({ check }, flaw_count);
    metrics.integrityLastRun.set({ check }, Date.parse(report.finished_at) / 1000);
  }
  metrics.integrityDuration.set(report.seconds);
}

function observeJobs({ jobEnabled, jobLastSuccess }: Metrics, jobs: Jobs): void {
  for (const { name, enabled, last_success_at } of jobs.list()) {
    jobEnabled.set({ job: name }, enabled ? 1 : 0);
    if (last_success_at !== null) jobLastSuccess.set({ job: name }, Date.parse(last_success_at) / 1000);
  }
}

function observeFeedback(metrics: Metrics, reads: ReadSide): void {
  const totals = reads.point(feedbackTotals, null);
  for (const { source, mode, signal, count, reciprocal_rank } of totals) {
    metrics.searchFeedback.set({ source, mode, signal }, count);
    if (signal === 'click') metrics.searchClickRank.set({ source, mode }, reciprocal_rank / count);
    if (signal === 'click') continue;
    const judged = totals.filter((total) => total.source === source && total.mode === mode && total.signal !== 'click');
    const helpful = judged.find((total) => total.signal === 'helpful')?.count ?? 0;
    metrics.searchHelpful.set({ source, mode }, helpful / judged.reduce((sum, total) => sum + total.count, 0));
  }
}

function countSynced({ documentsSynced }: Metrics, result: SyncResult): void {
  for (const outcome of ['created', 'changed', 'renamed', 'removed', 'unchanged', 'failed'] as const)
    documentsSynced.inc({ result: outcome }, result[outcome]);
}

export const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
