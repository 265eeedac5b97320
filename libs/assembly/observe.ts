import { statSync } from 'node:fs';
import { STRATEGIES, MEMORY_TYPES } from '#memories';
import type { FolderSyncOptions, SyncResult } from '#documents';
import type { Jobs } from '#jobs';
import { SCOPES } from '#kernel';
import type { OperationObserver } from '#operations';
import { projectionStatus } from '#projections';
import { CALL_RESULTS, FEEDBACK_SIGNALS, feedbackTotals, type CallResult } from '#search';
import { CHECKPOINT_RESULTS, Database, diskOf, fileId, ReadSide, WalWatch, type OnRead } from '#storage';
import { born, counterAt, CPU_MODES, lookAtMachine, lookAtProcess, type Log, type Metrics } from '#telemetry';
import { CensusTaker, type Census } from './census.js';
import { catalog } from './features.js';
import { lastIntegrityReport } from './integrity/start.js';
import type { House } from './open-house.js';
import { MEMORY_OPERATIONS } from './tally.js';
import type { WriterNews } from './writer.thread.js';

/** Has everything that is open counted and measured, some as it happens, the rest when it is asked for. */
export function observe(house: House): void {
  begin(house.metrics);
  observeWriter(house);
  observeReads(house);
  observeConnections(house);
  observeTables(house);
  observeBackups(house);
  observeMachine(house);
}

const MODES = ['hybrid', 'semantic', 'keyword'];
const SOURCES = ['memory', 'document'];
const SYNC_OUTCOMES = ['created', 'changed', 'renamed', 'removed', 'unchanged', 'failed'] as const;
const ENDS = ['succeeded', 'failed'];

/** What is counted is there from the start, at 0. */
function begin(metrics: Metrics): void {
  born(metrics.eventsAppended, { type: Object.keys(catalog) });
  born(metrics.sessionsCreated, {});
  born(metrics.memoryOperations, { operation: MEMORY_OPERATIONS, memory_type: MEMORY_TYPES });
  born(metrics.conflicts, { outcome: ['detected', ...STRATEGIES, 'keep_all', 'outdated'] });
  born(metrics.namespaceQueries, { scope: ['any', 'other', ...SCOPES] });
  born(metrics.consolidationJobs, { result: ENDS });
  born(metrics.searchRequests, { source: SOURCES, mode: MODES, result: ['hit', 'empty'] });
  born(metrics.searchDegraded, {});
  born(metrics.feedbackGiven, { source: SOURCES, mode: MODES, signal: FEEDBACK_SIGNALS });
  born(metrics.embeddingRequests, { result: CALL_RESULTS });
  born(metrics.embeddings, { result: ['stored', 'parked'] });
  born(metrics.syncRuns, { result: ENDS });
  born(metrics.documentsSynced, { result: SYNC_OUTCOMES });
  born(metrics.backups, { result: ENDS });
  born(metrics.checkpoints, { result: CHECKPOINT_RESULTS });
  born(metrics.connectionAttempts, { result: ENDS });
  born(metrics.stateLoads, { cache: ['states'], result: ['hit', 'miss'] });
  // What is not counted yet is not 0.
  const { memoryVersions, conflictsOpen, embeddingBacklog, embeddingParked, signedPosition } = metrics;
  for (const gauge of [memoryVersions, conflictsOpen, embeddingBacklog, embeddingParked, signedPosition])
    gauge.remove();
  metrics.embeddingFailures.set(0);
  metrics.syncLastDocuments.set(0);
  metrics.syncLastTime.set(0);
  // Nothing is known against it until whoever signs finds otherwise.
  metrics.logContinues.set(1);
}

function observeWriter({ metrics, writer }: House): void {
  writer.onBatch = (size, seconds, waits) => {
    metrics.commitBatch.observe(size);
    metrics.commitDuration.observe(seconds);
    for (const wait of waits) metrics.writeDuration.observe(wait);
  };
  writer.onNews = (news) => {
    const { counted, wal } = news as WriterNews;
    for (const { counter, labels, times } of counted) metrics[counter].inc(labels, times);
    if (wal?.checkpoint !== undefined) metrics.checkpoints.inc({ result: wal.checkpoint });
    if (wal !== undefined) metrics.walResets.inc(wal.resets);
  };
  metrics.onScrape(() => metrics.writerQueue.set(writer.depth));
}

/** Reads that somebody waits for: the background asks around by itself, and would drown them. */
function observeReads({ metrics, reads, log, config: { ABATHUR_SLOW_READ_MS: longest } }: House): void {
  const places = {
    point: new Map<string, (seconds: number) => void>(),
    scan: new Map<string, (seconds: number) => void>(),
  };
  reads.onRead = ((read, kind, seconds) => {
    let place = places[kind].get(read);
    if (place === undefined) places[kind].set(read, (place = metrics.queryDuration.labels({ kind, read })));
    place(seconds);
    // By name only: what was asked with may be somebody's.
    const milliseconds = Math.round(seconds * 1000);
    if (longest > 0 && milliseconds > longest) log.warn('slow-read', { read, milliseconds });
  }) satisfies OnRead;
}

/** For those who ask around by themselves, the background and the metrics: nobody waits for their reads. */
export const unobserved = ({ db, pool }: House): ReadSide => new ReadSide(db, pool);

function observeConnections({ metrics, pool, db }: House): void {
  pool.onAcquired = (seconds) => metrics.poolAcquire.observe(seconds);
  const opened = fileId(db.path);
  let failed = 0;
  metrics.onScrape(() => {
    const status = pool.status();
    metrics.poolConnections.set({ state: 'in_use' }, status.in_use);
    metrics.poolConnections.set({ state: 'idle' }, status.size - status.in_use);
    metrics.poolMin.set(status.min);
    metrics.poolMax.set(status.max);
    metrics.poolWaiting.set(status.waiting);
    counterAt(metrics.poolTimeouts, status.timeouts);
    counterAt(metrics.poolExhausted, pool.exhaustedSeconds);
    const reached = canBeOpened(db.path, opened);
    failed = reached ? 0 : failed + 1;
    metrics.connectionAttempts.inc({ result: reached ? 'succeeded' : 'failed' });
    metrics.connectionFailures.set(Math.max(failed, pool.failedInARow));
  });
}

/** Whether whoever comes next gets to the very file that is open here. */
function canBeOpened(path: string, id: string | undefined): boolean {
  try {
    Database.probe(path);
    return fileId(path) === id;
  } catch {
    return false;
  }
}

function observeTables(house: House): void {
  const { metrics, db, jobs, meaning } = house;
  const reads = unobserved(house);
  const { model: name, dimensions } = meaning.embedder;
  const wal = new WalWatch(db.path);
  const taker = new CensusTaker(reads, { name, dimensions });
  metrics.onScrape(async () => {
    metrics.dbSize.set(sizeOf(db.path));
    metrics.walSize.set(sizeOf(`${db.path}-wal`));
    const { frames, folded } = wal.look() ?? { frames: 0, folded: 0 };
    metrics.walFrames.set({ state: 'all' }, frames);
    metrics.walFrames.set({ state: 'folded' }, folded);
    const disk = diskOf(db.path);
    metrics.diskAvailable.set(disk.available);
    metrics.diskSize.set(disk.size);
    observeFeedback(metrics, reads);
    observeIntegrity(metrics, reads);
    observeJobs(metrics, jobs);
    for (const { name: projection, position, lag } of reads.point(projectionStatus, null)) {
      metrics.projectionPosition.set({ projection }, position);
      metrics.projectionLag.set({ projection }, lag);
      metrics.logPosition.set(position + lag);
    }
    const counted = await taker.take();
    if (counted !== undefined) observeCensus(metrics, counted);
  });
}

function observeCensus(
  metrics: Metrics,
  { memories, versions, sessions, conflictsOpen, documents, vectors, signed, search }: Census,
): void {
  const each = <L extends string>(
    gauge: { reset(): void; set(labels: Record<L, string>, value: number): void },
    label: L,
    rows: { count: number }[],
  ): void => {
    gauge.reset();
    for (const { count, ...row } of rows)
      gauge.set({ [label]: (row as Record<L, string>)[label] } as Record<L, string>, count);
  };
  each(metrics.memoryEntries, 'memory_type', memories);
  each(metrics.sessions, 'status', sessions);
  each(metrics.documents, 'sync_status', documents);
  metrics.memoryVersions.set(versions);
  metrics.conflictsOpen.set(conflictsOpen);
  metrics.signedPosition.set(signed);
  for (const { name: model, dimensions, count } of vectors) {
    metrics.vectorRows.set({ model }, count);
    metrics.vectorBytes.set({ model }, count * vectorSize(dimensions));
  }
  metrics.embeddingBacklog.set(search.backlog);
  metrics.embeddingParked.set(search.parked_count);
}

/** A vector as it is kept, its code, and the part of the code that is looked through first. */
const vectorSize = (dimensions: number): number => 4 * dimensions + dimensions / 8 + Math.min(128, dimensions / 8);

function observeBackups({ metrics, backups }: House): void {
  backups.onEnd = (succeeded) => metrics.backups.inc({ result: succeeded ? 'succeeded' : 'failed' });
  metrics.onScrape(() => {
    const latest = backups.latest()?.manifest;
    metrics.backupTime.set(latest === undefined ? 0 : Date.parse(latest.created_at) / 1000);
    metrics.backupDuration.set(latest?.seconds ?? 0);
    metrics.backupSize.set(latest?.packed.size ?? 0);
  });
}

function observeMachine({ metrics }: House): void {
  metrics.onScrape(() => {
    const process = lookAtProcess();
    counterAt(metrics.processIo, process.read, { direction: 'read' });
    counterAt(metrics.processIo, process.written, { direction: 'write' });
    counterAt(metrics.pageFaults, process.minorFaults, { kind: 'minor' });
    counterAt(metrics.pageFaults, process.majorFaults, { kind: 'major' });
    const machine = lookAtMachine();
    for (const mode of CPU_MODES) counterAt(metrics.hostCpu, machine.cpu[mode], { mode });
    metrics.hostMemory.set({ state: 'total' }, machine.memory.total);
    metrics.hostMemory.set({ state: 'available' }, machine.memory.available);
    metrics.hostLoad.set(machine.load);
    counterAt(metrics.hostDisk, machine.disk.read, { direction: 'read' });
    counterAt(metrics.hostDisk, machine.disk.written, { direction: 'write' });
    counterAt(metrics.hostDiskBusy, machine.diskBusy);
    counterAt(metrics.hostNetwork, machine.network.received, { direction: 'receive' });
    counterAt(metrics.hostNetwork, machine.network.sent, { direction: 'transmit' });
  });
}

/** Kinds of operations that are consolidations. */
const CONSOLIDATIONS = [
  'memories.consolidate',
  'memories.summarise',
  'memories.archive',
  'job.scan-duplicates',
  'job.consolidate-episodes',
  'job.archive-memories',
];

export const observeOperations = (metrics: Metrics, log: Log): OperationObserver => ({
  started: ({ kind }) => metrics.operationsRunning.inc({ kind }),
  ended: ({ id, kind, status }, seconds, error) => {
    metrics.operationsRunning.dec({ kind });
    metrics.operations.inc({ kind, result: status });
    metrics.operationDuration.observe({ kind }, seconds);
    if (CONSOLIDATIONS.includes(kind)) metrics.consolidationJobs.inc({ result: status });
    if (error !== undefined) log.error('operation-failed', error, { id, kind });
  },
});

/** Hears of each call of an embedding model. */
export const observeCalls =
  ({ embeddingRequests, embeddingFailures, embedDuration }: Metrics) =>
  (result: CallResult, seconds: number): void => {
    embeddingRequests.inc({ result });
    embedDuration.observe(seconds);
    if (result === 'ok') embeddingFailures.set(0);
    else embeddingFailures.inc();
  };

/** Hears of each sync of documents. */
export const observeSyncs = (metrics: Metrics): Pick<FolderSyncOptions, 'onSynced' | 'onFailed'> => ({
  onSynced: (result) => countSynced(metrics, result),
  onFailed: () => metrics.syncRuns.inc({ result: 'failed' }),
});

function countSynced(
  { documentsSynced, syncRuns, syncLastDocuments, syncLastTime }: Metrics,
  result: SyncResult,
): void {
  syncRuns.inc({ result: 'succeeded' });
  syncLastDocuments.set(result.found + result.removed);
  syncLastTime.set(Date.now() / 1000);
  for (const outcome of SYNC_OUTCOMES) documentsSynced.inc({ result: outcome }, result[outcome]);
}

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

export const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
