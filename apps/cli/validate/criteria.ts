import { criticalOf } from './critical.js';
import type { Alerting } from './prometheus.js';
import { countOf, quantileOf } from './quantile.js';
import { COUNTED_SESSIONS } from './sample.js';
import type { Tally } from './tally.js';
import { bytes, milliseconds, percent, plain } from './words.js';

/** One line of what has to be true before a deployment is accepted. */
export interface Criterion {
  what: string;
  target: string;
  actual: string;
  /** How far ahead of the target, or behind it. */
  margin: string;
  status: 'met' | 'missed' | 'not seen';
  /** Where the number is from, or why there is none. */
  source: string;
}

const DAY = 86_400;
/** A backup each day, and two hours for it. */
const BACKUP_AGE = 26 * 3600;

export function criteriaOf(tally: Tally, alerting: Alerting | null): Criterion[] {
  return [
    uptime(tally),
    errors(tally),
    ...latencies(tally),
    sessions(tally),
    growth(tally),
    backups(tally),
    critical(tally, alerting),
    ...(alerting === null ? [] : [alerts(alerting)]),
  ];
}

function uptime({ checks, ready_checks: ready, outages }: Tally): Criterion {
  const share = ready / checks;
  return judged('Uptime', '≥ 99.9 %', percent(share), share >= 0.999, {
    margin: `${outages.length} ${outages.length === 1 ? 'outage' : 'outages'}`,
    source: `${plain(ready)} of ${plain(checks)} checks of /health/ready`,
  });
}

function errors({ counters }: Tally): Criterion {
  const [what, target] = ['Error rate', '< 0.1 %'];
  const [failed, all] = [counters['server_errors'] ?? 0, counters['requests'] ?? 0];
  if (all === 0) return unseen(what, target, 'no request was answered in the window');
  const share = failed / all;
  return judged(what, target, percent(share), share < 0.001, {
    margin: ahead(0.001, share),
    source: `${plain(failed)} answers with 5xx of ${plain(all)}`,
  });
}

function latencies({ histograms }: Tally): Criterion[] {
  return LIMITS.filter(({ kind, wherever }) => wherever || histograms[kind] !== undefined).map(
    ({ what, kind, of, limit }) => {
      const target = `< ${milliseconds(limit)}`;
      const buckets = histograms[kind] ?? {};
      const value = quantileOf(buckets, 0.99);
      if (value === undefined) return unseen(what, target, `no ${of} in the window`);
      return judged(what, target, milliseconds(value), value < limit, {
        margin: ahead(limit, value),
        source: `${plain(countOf(buckets))} ${of}`,
      });
    },
  );
}

/** Seconds; queries of the database only where they are exported, requests over HTTP stand for them wherever. */
const LIMITS: { what: string; kind: string; of: string; limit: number; wherever: boolean }[] = [
  { what: 'All requests, p99', kind: 'requests', of: 'requests over HTTP', limit: 0.1, wherever: true },
  { what: 'All queries, p99', kind: 'queries', of: 'queries of the database', limit: 0.1, wherever: false },
  { what: 'Session operations, p99', kind: 'sessions', of: 'requests for sessions', limit: 0.02, wherever: true },
  { what: 'Memory operations, p99', kind: 'memories', of: 'requests for memories', limit: 0.05, wherever: true },
  { what: 'Semantic search, p99', kind: 'semantic', of: 'semantic searches', limit: 0.5, wherever: true },
  { what: 'Hybrid search, p99', kind: 'hybrid', of: 'hybrid searches', limit: 0.6, wherever: true },
];

function sessions({ sessions_peak: peak }: Tally): Criterion {
  const [what, target] = ['Concurrent sessions, peak', '≥ 50'];
  if (peak === null) return unseen(what, target, 'the list of sessions could not be read: give --key');
  const atLeast = peak >= COUNTED_SESSIONS ? 'at least ' : '';
  return judged(what, target, `${atLeast}${plain(peak)}`, peak >= 50, {
    margin: `${(peak / 50).toFixed(1)} ×`,
    source: 'sessions written to within one minute, at the busiest check',
  });
}

function growth({ gauges }: Tally): Criterion {
  const [what, target] = ['Database growth', '< 10 %'];
  const size = gauges['database_bytes'];
  if (size === undefined || size.first === 0) return unseen(what, target, 'its size is not exported');
  const share = size.last / size.first - 1;
  return judged(what, target, percent(share), share < 0.1, {
    margin: share <= 0 ? 'did not grow' : ahead(0.1, share),
    source: `${bytes(size.first)} at the beginning, ${bytes(size.last)} at the end`,
  });
}

function backups({ counters, gauges, watched_seconds: watched, to }: Tally): Criterion {
  const [what, target] = ['Backups', '100 %'];
  const [good, bad] = [counters['backups_good'] ?? 0, counters['backups_bad'] ?? 0];
  const newest = gauges['backup_at']?.last ?? 0;
  const age = Date.parse(to) / 1000 - newest;
  if (good + bad > 0) {
    return judged(what, target, percent(good / (good + bad)), bad === 0, {
      margin: `${plain(good)} good, ${plain(bad)} failed`,
      source: 'backups in the window, each verified before it is one',
    });
  }
  if (newest === 0) return unseen(what, target, 'there is no backup, and none was taken in the window');
  if (watched >= DAY || age > BACKUP_AGE) {
    return judged(what, target, 'none', false, {
      margin: `the newest is ${(age / 3600).toFixed(1)} h old`,
      source: 'a day without a backup',
    });
  }
  return judged(what, target, 'none due', true, {
    margin: `the newest is ${(age / 3600).toFixed(1)} h old`,
    source: 'no backup was due in so short a window; the newest good one is recent',
  });
}

function critical({ points }: Tally, alerting: Alerting | null): Criterion {
  const seen = criticalOf(points).length;
  const fired = alerting?.critical.length ?? 0;
  return judged('Critical conditions', '0', plain(seen + fired), seen + fired === 0, {
    margin: seen + fired === 0 ? 'none' : 'see below',
    source: alerting === null ? 'judged by this watch' : 'judged by this watch, and alerts that fired in Prometheus',
  });
}

function alerts({ url, rules, healthy }: Alerting): Criterion {
  return judged('Alert rules', 'loaded and healthy', `${healthy} of ${rules}`, rules >= 13 && healthy === rules, {
    margin: rules >= 13 ? 'all 13 and more' : 'fewer than the 13',
    source: `rules of ${url}`,
  });
}

const judged = (
  what: string,
  target: string,
  actual: string,
  met: boolean,
  { margin, source }: Pick<Criterion, 'margin' | 'source'>,
): Criterion => ({ what, target, actual, margin, status: met ? 'met' : 'missed', source });

const unseen = (what: string, target: string, source: string): Criterion => ({
  what,
  target,
  actual: '–',
  margin: '–',
  status: 'not seen',
  source,
});

/** How many times a limit is as much as what was measured. */
export function ahead(limit: number, measured: number): string {
  if (measured === 0) return 'none at all';
  const times = limit / measured;
  if (times === 0) return 'beyond measure';
  return times >= 1 ? `${times.toFixed(1)} × ahead` : `${(1 / times).toFixed(1)} × behind`;
}
