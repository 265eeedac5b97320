import type { Critical } from './critical.js';
import { criticalOf } from './critical.js';
import { criteriaOf, type Criterion } from './criteria.js';
import type { Alerting } from './prometheus.js';
import { countOf, longestOf, quantileOf } from './quantile.js';
import { tallyOf, type Tally, type Tick } from './tally.js';
import { bytes, milliseconds, moment, percent, plain, span } from './words.js';

/** What was asked for when a watch began. */
export interface Plan {
  urls: string[];
  asked_seconds: number;
  every_seconds: number;
  began_at: string;
}

/** A watch, judged. Written as JSON as it is. */
export interface Report {
  verdict: 'GO' | 'NO-GO';
  /** Why not; empty with GO. */
  because: string[];
  plan: Plan;
  interrupted: boolean;
  /** The window is as long as the acceptance of a deployment asks for. */
  full_length: boolean;
  criteria: Criterion[];
  critical: Critical[];
  not_seen: string[];
  alerting: Alerting | null;
  tally: Omit<Tally, 'points'>;
}

/** Seconds that the acceptance asks for: two days. */
export const FULL = 48 * 3600;

export function reportOf(plan: Plan, ticks: Tick[], alerting: Alerting | null): { report: Report; tally: Tally } {
  const tally = tallyOf(ticks, plan.every_seconds);
  const criteria = criteriaOf(tally, alerting);
  // The last look is up to one interval before the end.
  const interrupted = tally.watched_seconds + tally.missed_seconds < plan.asked_seconds - 2 * plan.every_seconds;
  const because = [
    ...(interrupted ? [`the watch ended after ${span(tally.watched_seconds)} of ${span(plan.asked_seconds)}`] : []),
    ...(tally.missed_seconds > 0.01 * plan.asked_seconds ? [`${span(tally.missed_seconds)} were not watched`] : []),
    ...criteria
      .filter(({ status }) => status === 'missed')
      .map(({ what, actual, target }) => `${what}: ${actual}, not ${target}`),
    ...criteria
      .filter(({ status }) => status === 'not seen')
      .map(({ what, source }) => `Not seen: ${what} (${source})`),
  ];
  const { points: _, ...summed } = tally;
  const report: Report = {
    verdict: because.length === 0 ? 'GO' : 'NO-GO',
    because,
    plan,
    interrupted,
    full_length: tally.watched_seconds >= FULL - 2 * plan.every_seconds,
    criteria,
    critical: criticalOf(tally.points),
    not_seen: notSeen(tally, alerting),
    alerting,
    tally: summed,
  };
  return { report, tally };
}

/** What a reader might believe was watched, and was not. */
function notSeen(tally: Tally, alerting: Alerting | null): string[] {
  const { gauges, counters, restarts, missed_seconds: missed, blind_checks: blind, histograms } = tally;
  return [
    ...(missed > 0 ? [`${span(missed)} in which the watch itself did not run.`] : []),
    ...(blind > 0 ? [`${plain(blind)} checks got no metrics from a process that was ready.`] : []),
    ...(restarts > 0 ? ['What a process counted between the last check before it ended and its end.'] : []),
    ...(histograms['queries'] === undefined
      ? ['Single queries of the database: the deployment does not export them; requests over HTTP stand for them.']
      : []),
    ...(alerting === null
      ? [
          'Alerts as Prometheus fires and delivers them: no --prometheus was given. `npm run test:ops` proves that each fires, arrives and resolves.',
        ]
      : []),
    ...(counters['cache_all'] === undefined ? ['Hits of caches: the deployment does not export them.'] : []),
    ...(gauges['vectors'] === undefined ? ['Size of the index of vectors: the deployment does not export it.'] : []),
    ...((counters['documents'] ?? 0) === 0 ? ['Sync of documents: no file was looked at in the window.'] : []),
    'Networks, load balancers and clients between the deployment and its users, unless --url names the way they take.',
    'Answers that were right in form and wrong in content: `abathur smoke` and `abathur integrity` look for these.',
  ];
}

export function markdownOf(
  { report, tally }: { report: Report; tally: Tally },
  charts: { file: string; title: string }[],
): string {
  const { plan, verdict, because, criteria, critical, not_seen: unseen } = report;
  return [
    `# Validation report: ${verdict}`,
    '',
    ...table(
      ['', ''],
      [
        ['Deployment', plan.urls.join(', ')],
        ['Version', tally.versions.join(', then ') || 'not told'],
        ['Asked for', `${span(plan.asked_seconds)}, a check every ${span(plan.every_seconds)}`],
        ['Watched', `${span(tally.watched_seconds)}, ${plain(tally.checks)} checks`],
        ['From', moment(tally.from)],
        ['To', moment(tally.to)],
        ['Restarts seen', plain(tally.restarts)],
      ],
    ),
    '',
    ...limits(report),
    verdict === 'GO'
      ? '**GO**: every criterion is met.'
      : `**NO-GO**:\n\n${because.map((reason) => `- ${reason}`).join('\n')}`,
    '',
    '## Criteria',
    '',
    ...table(
      ['Criterion', 'Target', 'Actual', 'Margin', 'Status', 'From'],
      criteria.map(({ what, target, actual, margin, status, source }) => [
        what,
        target,
        actual,
        margin,
        MARK[status],
        source,
      ]),
    ),
    '',
    '## What was measured',
    '',
    ...table(['', ''], measured(tally)),
    '',
    '## Latencies',
    '',
    ...table(['', 'Count', 'p50', 'p95', 'p99', 'None above'], latencies(tally)),
    '',
    '## Errors by type',
    '',
    ...errors(tally),
    '',
    '## Critical conditions and outages',
    '',
    ...incidents(critical, tally, report.alerting),
    '',
    '## Course',
    '',
    ...charts.flatMap(({ file, title }) => [`![${title}](${file})`, '']),
    '## Not seen',
    '',
    ...unseen.map((line) => `- ${line}`),
    '',
    '## How it was measured',
    '',
    'Each check asks `/health/ready`, `/metrics` and the newest sessions. What only grows is added up over restarts; quantiles are those of',
    'the histograms that the program exports, exact at their edges, and every limit here is one; between edges they are interpolated. Lists',
    'of sessions are left out, because the watch itself asks for them. What the checks saw is beside this report as `samples.ndjson`; `abathur validate --from` makes it from them again.',
    '',
  ].join('\n');
}

/** What has to be said before any number. */
function limits({ interrupted, full_length: full, plan, tally }: Report): string[] {
  return [
    ...(interrupted
      ? [
          `> Stopped before its end: ${span(tally.watched_seconds)} of ${span(plan.asked_seconds)}. All numbers are of the part that was watched.`,
          '',
        ]
      : []),
    ...(full
      ? []
      : [
          `> This window is shorter than the ${span(FULL)} that the acceptance of a deployment asks for. It says nothing of what takes longer to show.`,
          '',
        ]),
  ];
}

const MARK: Record<Criterion['status'], string> = { met: '✅ met', missed: '❌ missed', 'not seen': '⚠️ not seen' };

function measured(tally: Tally): string[][] {
  const { counters, gauges, histograms, watched_seconds: watched, memory_slope: slope } = tally;
  const requests = counters['requests'] ?? 0;
  const writes = countOf(histograms['writes'] ?? {});
  const queries = histograms['queries'];
  const hour = watched / 3600 || 1;
  const course = (name: string, write: (value: number) => string): string => {
    const known = gauges[name];
    return known === undefined
      ? 'not seen'
      : `${write(known.first)} → ${write(known.last)}, at most ${write(known.most)}`;
  };
  return [
    ['Requests answered', `${plain(requests)}, ${plain(requests / (watched || 1))}/s`],
    ['Writes', `${plain(writes)}, ${plain(writes / (watched || 1))}/s`],
    ['Queries of the database', queries === undefined ? 'not seen' : plain(countOf(queries))],
    ['Entries of the log', course('position', plain)],
    ['Sessions at a time, peak', tally.sessions_peak === null ? 'not seen' : plain(tally.sessions_peak)],
    ['Database', course('database_bytes', bytes)],
    ['Write-ahead log', course('wal_bytes', bytes)],
    ['Resident memory', course('resident_bytes', bytes)],
    ['Its slope after the warm-up', slope === null ? 'too short a time' : `${(slope / 1e6).toFixed(1)} MB per hour`],
    ['Open files and sockets', course('open_files', plain)],
    [
      'Processor',
      counters['cpu_seconds'] === undefined
        ? 'not seen'
        : `${(counters['cpu_seconds'] / (watched || 1)).toFixed(2)} cores`,
    ],
    ['Lag of projections', course('lag', plain)],
    ['Texts without a vector', course('backlog', plain)],
    ['States found in memory', cache(counters)],
    ['Readers in use', course('pool_in_use', plain)],
    ['Searches answered by words alone', plain(counters['degraded_searches'] ?? 0)],
    ['Texts embedded', `${plain(counters['embedded'] ?? 0)}, ${plain((counters['embedded'] ?? 0) / hour)} per hour`],
    [
      'Files looked at by document syncs',
      `${plain(counters['documents'] ?? 0)}, ${plain((counters['documents'] ?? 0) / hour)} per hour`,
    ],
    ['Backups', `${plain(counters['backups_good'] ?? 0)} good, ${plain(counters['backups_bad'] ?? 0)} failed`],
  ];
}

function cache(counters: Record<string, number>): string {
  const [hits, all] = [counters['cache_hits'], counters['cache_all']];
  return hits === undefined || all === undefined || all === 0 ? 'not seen' : `${percent(hits / all)} of ${plain(all)}`;
}

const KINDS: [name: string, title: string][] = [
  ['requests', 'Requests over HTTP'],
  ['queries', 'Queries of the database'],
  ['writes', 'Writes, until they are on disk'],
  ['sessions', 'Session operations'],
  ['memories', 'Memory operations'],
  ['context', 'Contexts'],
  ['keyword', 'Searches by words'],
  ['semantic', 'Searches by meaning'],
  ['hybrid', 'Hybrid searches'],
];

function latencies({ histograms }: Tally): string[][] {
  return KINDS.flatMap(([name, title]) => {
    const buckets = histograms[name] ?? {};
    const count = countOf(buckets);
    if (count === 0) return [];
    const at = (q: number): string => milliseconds(quantileOf(buckets, q)!);
    const longest = longestOf(buckets)!;
    return [
      [
        title,
        plain(count),
        at(0.5),
        at(0.95),
        at(0.99),
        longest === Number.POSITIVE_INFINITY ? 'over 10 s' : milliseconds(longest),
      ],
    ];
  });
}

function errors({ counters }: Tally): string[] {
  const found = Object.entries(counters)
    .filter(([name, value]) => name.startsWith('error:') && value > 0)
    .map(([name, value]) => [`\`${name.slice('error:'.length)}\``, plain(value)]);
  if (found.length === 0) return ['None.'];
  return [
    ...table(['Code', 'Answers'], found),
    '',
    'Refusals that a client asked for (4xx) are among them; the error rate above counts 5xx alone.',
  ];
}

function incidents(critical: Critical[], { outages }: Tally, alerting: Alerting | null): string[] {
  const lines = [
    ...(alerting?.critical ?? []).map((name) => `- The critical alert ${name} fired in Prometheus.`),
    ...critical.map(({ at, what }) => `- ${moment(at)}: ${what}.`),
    ...outages.map(
      ({ from, checks, reasons }) =>
        `- ${moment(from)}: not ready for ${plain(checks)} ${checks === 1 ? 'check' : 'checks'} (${reasons.join('; ')}).`,
    ),
  ];
  return lines.length === 0 ? ['None.'] : lines;
}

function table(head: string[], rows: string[][]): string[] {
  const cells = (row: string[]): string => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [cells(head), cells(head.map(() => '---')), ...rows.map(cells)];
}
