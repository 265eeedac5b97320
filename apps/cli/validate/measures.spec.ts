import { describe, expect, it } from '@jest/globals';
import { parseExposition } from './exposition.js';
import { measuresOf } from './measures.js';

const PAGE = `# HELP abathur_http_requests_total Requests answered.
# TYPE abathur_http_requests_total counter
abathur_http_requests_total{method="GET",route="/v1/sessions/:session_id",code="200"} 90
abathur_http_requests_total{method="POST",route="/v1/memories/search",code="200"} 8
abathur_http_requests_total{method="POST",route="/v1/memories",code="503"} 2
abathur_http_requests_total{method="GET",route="/metrics",code="200"} 1000
abathur_http_requests_total{method="GET",route="/v1/sessions",code="200"} 1000
abathur_http_requests_total{method="GET",route="/v1/audit/feed",code="200"} 7
abathur_http_request_duration_seconds_bucket{le="0.01",method="GET",route="/v1/sessions/:session_id"} 80
abathur_http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/v1/sessions/:session_id"} 90
abathur_http_request_duration_seconds_bucket{le="0.01",method="POST",route="/v1/memories"} 1
abathur_http_request_duration_seconds_bucket{le="+Inf",method="POST",route="/v1/memories"} 2
abathur_http_request_duration_seconds_bucket{le="0.01",method="POST",route="/v1/memories/search"} 3
abathur_http_request_duration_seconds_bucket{le="+Inf",method="POST",route="/v1/memories/search"} 8
abathur_errors_total{code="overloaded"} 2
abathur_integrity_check_flaws{check="chain"} 1
abathur_integrity_check_flaws{check="words"} 2
abathur_projection_lag_events{projection="a"} 3
abathur_projection_lag_events{projection="b"} 5
abathur_db_wal_size_bytes 4.5e+06
odd{text="a \\"quoted\\" \\\\ }"} +Inf
`;

describe('R-O7 What a watch keeps of a page of metrics', () => {
  it('reads the text format, escapes and all', () => {
    const series = parseExposition(PAGE);
    expect(series).toHaveLength(19);
    expect(series.at(-1)).toEqual({
      name: 'odd',
      labels: { text: 'a "quoted" \\ }' },
      value: Number.POSITIVE_INFINITY,
    });
  });

  it('counts what was asked by users: not by whoever watches, nor streams without an end', () => {
    const { counters } = measuresOf(parseExposition(PAGE));
    expect(counters).toMatchObject({ requests: 100, server_errors: 2, 'error:overloaded': 2 });
  });

  it('keeps sessions and memories apart from searches', () => {
    const { histograms } = measuresOf(parseExposition(PAGE));
    expect(histograms['sessions']).toEqual({ '0.01': 80, '+Inf': 90 });
    expect(histograms['memories']).toEqual({ '0.01': 1, '+Inf': 2 });
    expect(histograms['requests']).toEqual({ '0.01': 84, '+Inf': 100 });
  });

  it('adds up flaws, and takes the projection that is furthest behind', () => {
    expect(measuresOf(parseExposition(PAGE)).gauges).toMatchObject({ flaws: 3, lag: 5, wal_bytes: 4_500_000 });
  });

  it('leaves out what is not exported, so that nobody takes it for 0', () => {
    const { histograms, counters, gauges } = measuresOf(parseExposition(PAGE));
    expect(Object.keys(histograms)).not.toContain('queries');
    expect(Object.keys(counters)).not.toContain('backups_good');
    expect(Object.keys(gauges)).not.toContain('database_bytes');
  });
});
