import { statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { LogKeys, LogSigner, SqliteAuditLog, WriterClient } from '#audit-log';
import { FolderSync, foldersOf, type SyncResult } from '#documents';
import { Operations, type OperationObserver } from '#operations';
import { projectionStatus } from '#projections';
import { feedbackTotals, Meaning, OllamaChat, SearchIds, searchIdKey, searchStatus } from '#search';
import { Database, migrate, readMigrations, ReadSide, type ReaderPool } from '#storage';
import { Log, Metrics } from '#telemetry';
import { systemCaller } from './caller.js';
import type { Config } from './config.js';
import { chooseEmbedder, embedderFor } from './embedders.js';
import { Erasures } from './erasures.js';
import { catalog } from './features.js';
import { PROJECT_ROOT, VERSION } from './project.js';
import { Rebuilds, tidyRebuilds } from './rebuilds.js';
import { openReaders } from './readers.js';

/** Everything that is open while the program runs. */
export interface House {
  config: Config;
  log: Log;
  metrics: Metrics;
  db: Database;
  pool: ReaderPool;
  reads: ReadSide;
  writer: WriterClient;
  auditLog: SqliteAuditLog;
  signer: LogSigner;
  meaning: Meaning;
  chat: OllamaChat;
  folders: FolderSync;
  operations: Operations;
  rebuilds: Rebuilds;
  erasures: Erasures;
  searchIds: SearchIds;
  close(): Promise<void>;
}

/** Migrates, then opens: the main thread's reading connection, the reader threads and the writer thread. */
export async function openHouse(config: Config): Promise<House> {
  const { ABATHUR_DB_PATH: path, ABATHUR_DB_SYNCHRONOUS: synchronous } = config;
  const log = Log.create(config.ABATHUR_LOG_LEVEL);
  const metrics = new Metrics(VERSION);
  migrateFile(config);
  tidyRebuilds(path);
  const db = Database.open({ path, readonly: true, synchronous });
  const writer = new WriterClient(new URL('./writer.thread.js', import.meta.url), { path, synchronous });
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
  const house = {
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
    signer: new LogSigner(keys, reads, auditLog),
    folders,
    operations,
    rebuilds,
    erasures: new Erasures({ path, synchronous }, auditLog, reads, writer, operations),
    close: async () => {
      await folders.stop();
      await operations.close();
      await rebuilds.close();
      await house.erasures.close();
      // The writer last: the last connection that may write folds the write-ahead log into the file.
      await pool.close();
      db.close();
      await writer.close();
      log.flush();
    },
  };
  observe(house);
  return house;
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

function observe({ metrics, writer, pool, reads, db, meaning: { embedder } }: House): void {
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
    const { backlog, parked_count } = reads.point(searchStatus, {
      name: embedder.model,
      dimensions: embedder.dimensions,
    });
    metrics.embeddingBacklog.set(backlog);
    metrics.embeddingParked.set(parked_count);
    observeFeedback(metrics, reads);
    for (const { name, position, lag } of reads.point(projectionStatus, null)) {
      metrics.projectionPosition.set({ projection: name }, position);
      metrics.projectionLag.set({ projection: name }, lag);
      metrics.logPosition.set(position + lag);
    }
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
