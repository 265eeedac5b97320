import type { Series } from './exposition.js';

/**
 * What a watch keeps of a page of metrics: a few dozen numbers, not thousands of series, so that two days of them are
 * a small file. A measure that the deployment does not export is left out, and the report says that it was not seen.
 */
export interface Measures {
  /** Grow only; begin at 0 with each process. */
  counters: Record<string, number>;
  /** As they stand. */
  gauges: Record<string, number>;
  /** Cumulative counts by upper edge in seconds, as `le` has them; grow only. */
  histograms: Record<string, Record<string, number>>;
}

type Wanted = (labels: Record<string, string>) => boolean;

const any: Wanted = () => true;
const label =
  (name: string, ...values: string[]): Wanted =>
  (labels) =>
    values.includes(labels[name] ?? '');

/** Routes that answer for as long as somebody listens, or that carry whole files: no questions with an answer. */
const STREAMS = /\/(feed|export|import)$/;
/** Asked by whoever watches, this program among them. */
const WATCHED = /^\/(health|metrics|docs|openapi)/;
const route = ({ route: path = '' }: Record<string, string>): string => path;
/** The list of sessions is what each look of a watch asks for; it would measure itself. */
const LOOKED: Wanted = (labels) => route(labels) === '/v1/sessions' && labels['method'] === 'GET';
const asked: Wanted = (labels) => !WATCHED.test(route(labels)) && !STREAMS.test(route(labels)) && !LOOKED(labels);
const under =
  (prefix: string): Wanted =>
  (labels) =>
    asked(labels) && (route(labels) === prefix || route(labels).startsWith(`${prefix}/`));
/** What a session or memory is read and written by; searches and work over many have figures of their own. */
const LARGE = /\/(search|consolidate|summarise|archive|expire|batch|conflicts)(\/|$)/;
const operations =
  (prefix: string): Wanted =>
  (labels) =>
    under(prefix)(labels) && !LARGE.test(route(labels));

const HTTP = 'abathur_http_request_duration_seconds';

const HISTOGRAMS: Record<string, [metric: string, wanted: Wanted]> = {
  requests: [HTTP, asked],
  sessions: [HTTP, operations('/v1/sessions')],
  memories: [HTTP, operations('/v1/memories')],
  context: [HTTP, under('/v1/context')],
  queries: ['abathur_db_query_duration_seconds', any],
  semantic: ['abathur_search_duration_seconds', label('mode', 'semantic')],
  hybrid: ['abathur_search_duration_seconds', label('mode', 'hybrid')],
  keyword: ['abathur_search_duration_seconds', label('mode', 'keyword')],
  writes: ['abathur_write_duration_seconds', any],
};

const COUNTERS: Record<string, [metric: string, wanted: Wanted]> = {
  requests: ['abathur_http_requests_total', asked],
  server_errors: ['abathur_http_requests_total', (labels) => asked(labels) && labels['code']?.startsWith('5') === true],
  degraded_searches: ['abathur_search_degraded_total', any],
  embedded: ['abathur_embeddings_total', any],
  documents: ['abathur_documents_synced_total', any],
  backups_good: ['abathur_backup_runs_total', label('result', 'succeeded', 'success')],
  backups_bad: ['abathur_backup_runs_total', label('result', 'failed', 'failure')],
  pool_timeouts: ['abathur_db_pool_acquire_timeouts_total', any],
  cache_hits: ['abathur_cache_requests_total', label('result', 'hit')],
  cache_all: ['abathur_cache_requests_total', any],
  disk_read: ['abathur_process_storage_bytes_total', label('direction', 'read')],
  disk_written: ['abathur_process_storage_bytes_total', label('direction', 'written', 'write')],
  cpu_seconds: ['process_cpu_seconds_total', any],
};

type Fold = (values: number[]) => number;
const sum: Fold = (values) => values.reduce((total, value) => total + value, 0);
const most: Fold = (values) => Math.max(...values);

const GAUGES: Record<string, [metric: string, fold: Fold, wanted?: Wanted]> = {
  database_bytes: ['abathur_db_size_bytes', most],
  wal_bytes: ['abathur_db_wal_size_bytes', most],
  position: ['abathur_log_position', most],
  lag: ['abathur_projection_lag_events', most],
  backlog: ['abathur_embedding_backlog_texts', most],
  embedding_failures: ['abathur_embedding_consecutive_failures', most],
  flaws: ['abathur_integrity_check_flaws', sum],
  pool_in_use: ['abathur_db_pool_connections', sum, label('state', 'in_use')],
  pool_max: ['abathur_db_pool_connections_max', most],
  disk_free: ['abathur_data_disk_avail_bytes', most],
  disk_size: ['abathur_data_disk_size_bytes', most],
  backup_at: ['abathur_backup_last_success_timestamp_seconds', most],
  vectors: ['abathur_vector_index_rows', most],
  resident_bytes: ['process_resident_memory_bytes', most],
  heap_bytes: ['nodejs_heap_size_used_bytes', most],
  open_files: ['process_open_fds', most],
  loop_lag: ['nodejs_eventloop_lag_p99_seconds', most],
  started: ['process_start_time_seconds', most],
};

export function measuresOf(page: Series[]): Measures {
  const byName = Map.groupBy(page, ({ name }) => name);
  const of = (name: string, wanted: Wanted): Series[] =>
    (byName.get(name) ?? []).filter(({ labels }) => wanted(labels));
  const measures: Measures = { counters: {}, gauges: {}, histograms: {} };
  for (const [measure, [metric, wanted]] of Object.entries(COUNTERS)) {
    if (byName.has(metric)) measures.counters[measure] = sum(of(metric, wanted).map(({ value }) => value));
  }
  // By problem code, each a counter of its own.
  for (const { labels, value } of of('abathur_errors_total', any)) {
    measures.counters[`error:${labels['code'] ?? labels['error_type'] ?? 'unnamed'}`] = value;
  }
  for (const [measure, [metric, fold, wanted = any]] of Object.entries(GAUGES)) {
    const values = of(metric, wanted).map(({ value }) => value);
    if (values.length > 0) measures.gauges[measure] = fold(values);
  }
  for (const [measure, [metric, wanted]] of Object.entries(HISTOGRAMS)) {
    const buckets: Record<string, number> = {};
    for (const { labels, value } of of(`${metric}_bucket`, wanted)) {
      const edge = labels['le']!;
      buckets[edge] = (buckets[edge] ?? 0) + value;
    }
    if (byName.has(`${metric}_bucket`)) measures.histograms[measure] = buckets;
  }
  return measures;
}
