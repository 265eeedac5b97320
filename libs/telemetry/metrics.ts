import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Seconds; every threshold that the targets and alerts name is an edge, so that quantiles are exact there. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 0.6, 1, 2.5, 5, 10];

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
  readonly logPosition = this.gauge('abathur_log_position', 'Position of the last entry of the log.');

  readonly signedPosition = this.gauge('abathur_log_signed_position', 'Position of the last signed head of the log.');
  readonly logContinues = this.gauge(
    'abathur_log_continues_signed',
    'Whether the log continues what was signed of it: 0 means that it was rewritten or an older file put in its place.',
  );

  readonly poolConnections = this.gauge('abathur_db_pool_connections', 'Reader connections.', ['state']);
  readonly poolMin = this.gauge('abathur_db_pool_connections_min', 'Readers that are always there.');
  readonly poolMax = this.gauge('abathur_db_pool_connections_max', 'Readers at most.');
  readonly poolWaiting = this.gauge('abathur_db_pool_waiting_requests', 'Reads that wait for a reader.');
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

  readonly projectionPosition = this.gauge('abathur_projection_position', 'Last position a projection has seen.', [
    'projection',
  ]);
  readonly projectionLag = this.gauge('abathur_projection_lag_events', 'Entries a projection has not seen yet.', [
    'projection',
  ]);
  readonly projectionErrors = this.counter('abathur_projection_errors_total', 'Turns of a projection that failed.', [
    'projection',
  ]);

  readonly embeddings = this.counter('abathur_embeddings_total', 'Texts given to the embedder.', ['result']);
  readonly embeddingRequests = this.counter('abathur_embedding_requests_total', 'Calls of the embedding model.', [
    'result',
  ]);
  readonly embeddingBacklog = this.gauge('abathur_embedding_backlog_texts', 'Texts that wait for their vector.');
  readonly embeddingParked = this.gauge('abathur_embedding_parked_texts', 'Texts that the model would not take.');
  readonly embeddingOldest = this.gauge('abathur_embedding_oldest_seconds', 'How long the oldest of them has waited.');
  readonly embeddingFailures = this.gauge(
    'abathur_embedding_consecutive_failures',
    'Turns of the embedder that failed since one went well.',
  );
  readonly embedDuration = this.histogram('abathur_embedding_duration_seconds', 'One turn of the embedder.');
  readonly searchDuration = this.histogram('abathur_search_duration_seconds', 'From a query to its results.', ['mode']);
  readonly contextDuration = this.histogram('abathur_context_duration_seconds', 'One context, its record included.');
  readonly searchDegraded = this.counter('abathur_search_degraded_total', 'Searches that words alone answered.');
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

  private readonly refreshers: (() => void)[] = [];

  constructor(version: string) {
    collectDefaultMetrics({ register: this.registry });
    this.gauge('abathur_build_info', 'The program.', ['version', 'node']).set(
      { version, node: process.versions.node },
      1,
    );
  }

  /** Registers what brings gauges up to date when they are asked for. */
  onScrape(refresh: () => void): void {
    this.refreshers.push(refresh);
  }

  async text(): Promise<string> {
    for (const refresh of this.refreshers) refresh();
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
