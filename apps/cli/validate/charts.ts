import { drawn, type Chart, type Line } from './chart.js';
import type { Point, Tally } from './tally.js';
import { bytes, milliseconds, plain } from './words.js';

/** The charts of a report, by file name. */
export function chartsOf({ points }: Tally): { file: string; title: string; svg: string }[] {
  const times = points.map(({ at }) => at);
  const line = (name: string, of: (point: Point) => number | undefined): Line => ({ name, values: points.map(of) });
  const gauge = (name: string, measure: string): Line => line(name, ({ gauges }) => gauges[measure]);
  /** Above the last edge nobody knows how long: drawn at the edge. */
  const seconds = (value: number | undefined): number | undefined =>
    value === undefined ? undefined : Math.min(value, 10);
  const rate = (value: number): string => `${value < 10 ? Number(value.toFixed(2)) : plain(value)}/s`;
  const charts: (Omit<Chart, 'times'> & { file: string })[] = [
    {
      file: 'latency.svg',
      title: 'How long answers took, in each interval',
      lines: [
        line('p50', ({ p50 }) => seconds(p50)),
        line('p99', ({ p99 }) => seconds(p99)),
        line('p99 of semantic search', ({ semantic_p99: p99 }) => seconds(p99)),
      ],
      unit: milliseconds,
      limit: 0.1,
    },
    {
      file: 'throughput.svg',
      title: 'How much was asked and written',
      lines: [
        line('requests', ({ requests_per_second: value }) => value),
        line('writes', ({ writes_per_second: value }) => value),
      ],
      unit: rate,
    },
    {
      file: 'sessions.svg',
      title: 'Sessions written to within a minute',
      lines: [line('sessions', ({ sessions }) => sessions)],
      unit: plain,
      counts: true,
    },
    {
      file: 'memory.svg',
      title: 'Memory of the processes',
      lines: [gauge('resident', 'resident_bytes'), gauge('heap in use', 'heap_bytes')],
      unit: bytes,
    },
    { file: 'handles.svg', title: 'Open files and sockets', lines: [gauge('handles', 'open_files')], unit: plain },
    { file: 'database.svg', title: 'Size of the database', lines: [gauge('database', 'database_bytes')], unit: bytes },
    {
      file: 'wal.svg',
      title: 'Write-ahead log',
      lines: [gauge('write-ahead log', 'wal_bytes')],
      unit: bytes,
      limit: 100e6,
    },
    {
      file: 'lag.svg',
      title: 'What was behind: projections, and texts without a vector',
      lines: [gauge('entries', 'lag'), gauge('texts', 'backlog')],
      unit: plain,
      counts: true,
    },
    {
      file: 'errors.svg',
      title: 'Answers with 5xx, and checks that failed',
      lines: [
        line('5xx per second', ({ errors_per_second: value }) => value),
        line('not ready', ({ ready }) => (ready ? 0 : 1)),
      ],
      unit: (value) => `${Number(value.toFixed(2))}`,
    },
  ];
  return charts
    .map((chart) => ({
      ...chart,
      lines: chart.lines.filter(({ values }) => values.some((value) => value !== undefined)),
    }))
    .filter(({ lines }) => lines.length > 0)
    .map(({ file, ...chart }) => ({ file, title: chart.title, svg: drawn({ ...chart, times }) }));
}
