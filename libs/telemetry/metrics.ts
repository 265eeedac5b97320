import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { QuickHistogram } from './quick-histogram.js';

/** Seconds; every threshold that the targets and alerts name is an edge, so that quantiles are exact there. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 0.6, 1, 2.5, 5, 10];

/** What prom-client counts by default, but calls by names that Prometheus keeps for counters. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** Every metric of the product, declared once. Labels take values of closed sets only. */
export class Metrics {
  readonly registry = new Registry();

  readonly httpRequests = this.counter('abathur_http_requests_total', 'Requests answered.', [
    'method',
    'route',
    'code',
  ]);
  readonly httpDuration = this.histogram('abathur_http_request_duration_seconds', 'From the request to its answer.', [
    'method',
    'route',
  ]);
  readonly httpInFlight = this.gauge('abathur_http_requests_in_flight', 'Requests being answered now.');
  readonly httpReceived = this.counter('abathur_http_received_bytes_total', 'Bytes of requests, headers included.');
  readonly httpSent = this.counter('abathur_http_sent_bytes_total', 'Bytes of answers, headers included.');
  readonly errors = this.counter('abathur_errors_total', 'Errors answered, by problem code.', ['code']);

  readonly writeDuration = this.histogram(
    'abathur_write_duration_seconds',
    'From handing a write to the writer until it is on disk.',
  );
  readonly commitDuration = this.histogram('abathur_commit_duration_seconds', 'One transaction of the writer.');
  readonly commitBatch = new Histogram({
    name: 'abathur_commit_batch_size',
    help: 'Writes that shared one transaction.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    registers: [this.registry],
  });
  readonly writerQueue = this.gauge('abathur_writer_queue_depth', 'Writes that wait for their commit.');
  readonly eventsAppended = this.counter(
    'abathur_events_appended_total',
    'Events that this process wrote into the log.',
    ['type'],
  );
  readonly stateLoads = this.counter(
    'abathur_cache_requests_total',
    'Looks into a cache of the program: states, whose streams are then not folded again.',
    ['cache', 'result'],
  );
  readonly logPosition = this.gauge('abathur_log_position', 'Position of the last entry of the log.');

  readonly signedPosition = this.gauge('abathur_log_signed_position', 'Position of the last signed head of the log.');
  readonly logContinues = this.gauge(
    'abathur_log_continues_signed',
    'Whether the log continues what was signed of it: 0 means that it was rewritten or an older file put in its place.',
  );

  readonly queryDuration = new QuickHistogram<'kind' | 'read'>(
    'abathur_db_query_duration_seconds',
    'From a question to its answer, waiting for a reader included. kind point: on the main thread, scan: on a reader thread.',
    SECONDS,
  );
  readonly connectionAttempts = this.counter(
    'abathur_db_connection_attempts_total',
    'Connections opened to the database: one at each scrape, and one by each reader thread.',
    ['result'],
  );
  readonly connectionFailures = this.gauge(
    'abathur_db_connection_consecutive_failures',
    'Attempts to open the database that failed since one went well.',
  );
  readonly poolConnections = this.gauge('abathur_db_pool_connections', 'Reader connections.', ['state']);
  readonly poolMin = this.gauge('abathur_db_pool_connections_min', 'Readers that are always there.');
  readonly poolMax = this.gauge('abathur_db_pool_connections_max', 'Readers at most.');
  readonly poolWaiting = this.gauge('abathur_db_pool_waiting_requests', 'Reads that wait for a reader.');
  readonly poolExhausted = this.counter(
    'abathur_db_pool_exhausted_seconds_total',
    'Time in which all readers there may be were busy, this moment included.',
  );
  readonly poolTimeouts = this.counter(
    'abathur_db_pool_acquire_timeouts_total',
    'Reads refused because no reader came free in time.',
  );
  readonly poolAcquire = this.histogram(
    'abathur_db_pool_acquire_duration_seconds',
    'How long reads waited for a reader.',
  );
  readonly dbSize = this.gauge('abathur_db_size_bytes', 'Size of the database file.');
  readonly walSize = this.gauge('abathur_db_wal_size_bytes', 'Size of the write-ahead log.');
  readonly walFrames = this.gauge(
    'abathur_db_wal_frames',
    'Pages in the write-ahead log: all of them, and those that are folded into the database already.',
    ['state'],
  );
  readonly checkpoints = this.counter(
    'abathur_db_checkpoints_total',
    'Times that commits of this process folded the write-ahead log back: complete, partial (somebody reads further back), blocked (not a page).',
    ['result'],
  );
  readonly walResets = this.counter(
    'abathur_db_wal_resets_total',
    'Times that the write-ahead log began anew at its front, by commits of this process.',
  );

  readonly projectionPosition = this.gauge('abathur_projection_position', 'Last position a projection has seen.', [
    'projection',
  ]);
  readonly projectionLag = this.gauge('abathur_projection_lag_events', 'Entries a projection has not seen yet.', [
    'projection',
  ]);
  readonly projectionErrors = this.counter('abathur_projection_errors_total', 'Turns of a projection that failed.', [
    'projection',
  ]);

  readonly sessionsCreated = this.counter('abathur_sessions_created_total', 'Sessions that this process created.');
  readonly sessions = this.gauge('abathur_sessions', 'Sessions that there are.', ['status']);
  readonly memoryOperations = this.counter('abathur_memory_operations_total', 'What this process did to memories.', [
    'operation',
    'memory_type',
  ]);
  readonly memoryEntries = this.gauge('abathur_memory_entries', 'Memories that are alive.', ['memory_type']);
  readonly memoryVersions = this.gauge('abathur_memory_versions', 'Versions of memories that are kept, in all.');
  readonly namespaceQueries = this.counter(
    'abathur_memory_namespace_queries_total',
    'Lists, searches and exports of memories, by the scope of the namespace they asked for; any: they named none.',
    ['scope'],
  );
  readonly consolidationJobs = this.counter(
    'abathur_consolidation_jobs_total',
    'Consolidations of memories that ended: of conflicts, of episodes, scans and archiving.',
    ['result'],
  );
  readonly conflicts = this.counter(
    'abathur_memory_conflicts_total',
    'Conflicts between memories that this process found, and how it settled them.',
    ['outcome'],
  );
  readonly conflictsOpen = this.gauge('abathur_memory_conflicts_open', 'Conflicts that wait for somebody.');
  readonly documents = this.gauge('abathur_documents', 'Documents in the index.', ['sync_status']);

  readonly embeddings = this.counter('abathur_embeddings_total', 'Texts given to the embedder.', ['result']);
  readonly embeddingRequests = this.counter('abathur_embedding_requests_total', 'Calls of the embedding model.', [
    'result',
  ]);
  readonly embeddingBacklog = this.gauge('abathur_embedding_backlog_texts', 'Texts that wait for their vector.');
  readonly embeddingParked = this.gauge('abathur_embedding_parked_texts', 'Texts that the model would not take.');
  readonly embeddingOldest = this.gauge('abathur_embedding_oldest_seconds', 'How long the oldest of them has waited.');
  readonly embeddingFailures = this.gauge(
    'abathur_embedding_consecutive_failures',
    'Calls of the embedding model that failed since one went well, of queries as of texts.',
  );
  readonly embedDuration = this.histogram('abathur_embedding_duration_seconds', 'One call of the embedding model.');
  readonly vectorRows = this.gauge('abathur_vector_index_rows', 'Vectors in the index.', ['model']);
  readonly vectorBytes = this.gauge(
    'abathur_vector_index_size_bytes',
    'What those vectors and their codes take, as reckoned from their dimensions.',
    ['model'],
  );
  readonly searchRequests = this.counter(
    'abathur_search_requests_total',
    'Searches answered: hit with something found, empty with nothing.',
    ['source', 'mode', 'result'],
  );
  readonly searchDuration = this.histogram('abathur_search_duration_seconds', 'From a query to its results.', ['mode']);
  readonly contextDuration = this.histogram('abathur_context_duration_seconds', 'One context, its record included.');
  readonly searchDegraded = this.counter('abathur_search_degraded_total', 'Searches that words alone answered.');
  readonly feedbackGiven = this.counter(
    'abathur_search_feedback_given_total',
    'Results that somebody chose or judged, as this process heard it.',
    ['source', 'mode', 'signal'],
  );
  readonly searchFeedback = this.gauge('abathur_search_feedback', 'Results that somebody chose or judged, so far.', [
    'source',
    'mode',
    'signal',
  ]);
  readonly searchClickRank = this.gauge(
    'abathur_search_click_reciprocal_rank',
    'Mean of 1 / place of the results that were chosen: 1 when it was always the first.',
    ['source', 'mode'],
  );
  readonly searchHelpful = this.gauge('abathur_search_helpful_ratio', 'Share of helpful ones among judged results.', [
    'source',
    'mode',
  ]);

  readonly tasksTimedOut = this.counter('abathur_tasks_timed_out_total', 'Attempts that ran out of time.');

  readonly documentsSynced = this.counter(
    'abathur_documents_synced_total',
    'Files that a sync of documents looked at.',
    ['result'],
  );

  readonly syncRuns = this.counter('abathur_document_sync_runs_total', 'Syncs of documents that ended.', ['result']);
  readonly syncLastDocuments = this.gauge(
    'abathur_document_sync_last_run_documents',
    'Files that the last sync of this process looked at, or found to be gone.',
  );
  readonly syncLastTime = this.gauge(
    'abathur_document_sync_last_run_timestamp_seconds',
    'When it ended; 0 when there was none yet.',
  );

  readonly integrityOk = this.gauge(
    'abathur_integrity_check_ok',
    'Whether the last check of the database found nothing wrong: 1, else 0.',
    ['check'],
  );
  readonly integrityFlaws = this.gauge('abathur_integrity_check_flaws', 'What the last check found.', ['check']);
  readonly integrityLastRun = this.gauge(
    'abathur_integrity_check_last_run_timestamp_seconds',
    'When the last check ended.',
    ['check'],
  );
  readonly integrityDuration = this.gauge('abathur_integrity_check_duration_seconds', 'How long the last check took.');

  readonly operations = this.counter('abathur_operations_total', 'Operations that ended.', ['kind', 'result']);
  readonly operationsRunning = this.gauge('abathur_operations_running', 'Operations under way in this process.', [
    'kind',
  ]);
  readonly operationDuration = new Histogram({
    name: 'abathur_operation_duration_seconds',
    help: 'From the start of an operation to its end.',
    labelNames: ['kind'],
    buckets: [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600],
    registers: [this.registry],
  });
  readonly jobEnabled = this.gauge('abathur_job_enabled', 'Whether a job runs by its schedule.', ['job']);
  readonly jobLastSuccess = this.gauge(
    'abathur_job_last_success_timestamp_seconds',
    'When a job last came to its end, in whichever process.',
    ['job'],
  );

  readonly backups = this.counter('abathur_backup_runs_total', 'Backups that this process tried.', ['result']);
  readonly backupTime = this.gauge(
    'abathur_backup_last_success_timestamp_seconds',
    'When the newest good backup was begun; 0 when there is none.',
  );
  readonly backupDuration = this.gauge('abathur_backup_last_duration_seconds', 'How long that one took.');
  readonly backupSize = this.gauge('abathur_backup_last_size_bytes', 'How large that one is, packed.');
  readonly diskAvailable = this.gauge('abathur_data_disk_avail_bytes', 'Free space on the partition of the database.');
  readonly diskSize = this.gauge('abathur_data_disk_size_bytes', 'Size of that partition.');

  readonly processIo = this.counter(
    'abathur_process_storage_bytes_total',
    'Bytes that this process read from and wrote to the storage itself, not to memory that the system keeps of it.',
    ['direction'],
  );
  readonly pageFaults = this.counter(
    'abathur_process_page_faults_total',
    'Pages that this process asked for: minor when memory had them already, major when it had to wait for the disk.',
    ['kind'],
  );
  readonly hostCpu = this.counter(
    'abathur_host_cpu_seconds_total',
    'What the processors of the machine spent their time on, all together.',
    ['mode'],
  );
  readonly hostMemory = this.gauge('abathur_host_memory_bytes', 'Memory of the machine.', ['state']);
  readonly hostLoad = this.gauge('abathur_host_load1', 'Programs that ran or waited to, on average over a minute.');
  readonly hostDisk = this.counter(
    'abathur_host_disk_bytes_total',
    'Bytes that the disks of the machine read and wrote, all together.',
    ['direction'],
  );
  readonly hostDiskBusy = this.counter(
    'abathur_host_disk_busy_seconds_total',
    'Time in which the busiest disk of the machine was busy.',
  );
  readonly hostNetwork = this.counter(
    'abathur_host_network_bytes_total',
    'Bytes over the network interfaces of the machine, without the one to itself.',
    ['direction'],
  );

  private readonly refreshers: (() => void | Promise<void>)[] = [];

  constructor(version: string) {
    collectDefaultMetrics({ register: this.registry });
    // Gauges with the names of counters.
    for (const name of MISNAMED) this.registry.removeSingleMetric(name);
    this.registry.registerMetric(this.queryDuration.asMetric());
    this.gauge('abathur_build_info', 'The program.', ['version', 'node']).set(
      { version, node: process.versions.node },
      1,
    );
  }

  /** Registers what brings gauges up to date when they are asked for. */
  onScrape(refresh: () => void | Promise<void>): void {
    this.refreshers.push(refresh);
  }

  async text(): Promise<string> {
    await Promise.all(this.refreshers.map((refresh) => refresh()));
    return this.registry.metrics();
  }

  private counter<L extends string>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  private gauge<L extends string>(name: string, help: string, labelNames: L[] = []): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  private histogram<L extends string>(name: string, help: string, labelNames: L[] = []): Histogram<L> {
    return new Histogram({ name, help, labelNames, buckets: SECONDS, registers: [this.registry] });
  }
}

/** Lets counters begin at 0 for these labels: what appears with its first increase has not increased for Prometheus. */
export function born<L extends string>(counter: Counter<L>, labels: Record<L, readonly string[]>): void {
  const names = Object.keys(labels) as L[];
  const combine = ([name, ...rest]: L[], chosen: Partial<Record<L, string>>): void => {
    if (name === undefined) counter.inc(chosen, 0);
    else for (const value of labels[name]) combine(rest, { ...chosen, [name]: value });
  };
  combine(names, {});
}

/** Brings a counter to where something else has counted. */
export function counterAt<L extends string>(counter: Counter<L>, total: number, labels?: Record<L, string>): void {
  const key = JSON.stringify(labels);
  const known = totals.get(counter) ?? new Map<string, number>();
  totals.set(counter, known);
  const more = total - (known.get(key) ?? 0);
  // Whatever counted anew has begun at 0.
  counter.inc(labels ?? {}, more < 0 ? total : more);
  known.set(key, total);
}
const totals = new WeakMap<object, Map<string, number>>();
