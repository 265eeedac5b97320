import { increaseOf, type Increase } from './increase.js';
import { countOf, quantileOf, type Buckets } from './quantile.js';
import type { Sample } from './sample.js';
import { slopeOf } from './slope.js';

/** One look at every process of a deployment. */
export interface Tick {
  at: string;
  samples: Sample[];
}

/** A time in which no process took requests. */
export interface Outage {
  from: string;
  checks: number;
  reasons: string[];
}

/** A gauge over the window. */
export interface Course {
  first: number;
  last: number;
  least: number;
  most: number;
}

/** What one interval between two looks saw, for the charts. */
export interface Point {
  at: number;
  ready: boolean;
  /** Seconds. */
  p50?: number;
  p99?: number;
  semantic_p99?: number;
  requests_per_second?: number;
  writes_per_second?: number;
  errors_per_second?: number;
  sessions?: number;
  gauges: Record<string, number>;
}

/** A whole watch, added up. */
export interface Tally {
  from: string;
  to: string;
  watched_seconds: number;
  /** Between two looks that are further apart than they should be: the watcher itself was away. */
  missed_seconds: number;
  checks: number;
  ready_checks: number;
  /** Looks that got no metrics from a process that was ready. */
  blind_checks: number;
  restarts: number;
  outages: Outage[];
  versions: string[];
  sessions_peak: number | null;
  counters: Record<string, number>;
  histograms: Record<string, Buckets>;
  gauges: Record<string, Course>;
  /** Bytes per hour after the warm-up, of the longest life of the processes. */
  memory_slope: number | null;
  points: Point[];
}

/** The quarter in which caches fill and code is compiled says nothing of leaks. */
const WARM_UP = 0.25;
/** Seconds that a slope needs: what goes up and down within minutes is no trend. */
const ENOUGH = 300;
/** Gauges that belong to a process, and add up; all others tell of the one file. */
const ADDS_UP = new Set(['resident_bytes', 'heap_bytes', 'open_files', 'pool_in_use', 'pool_max']);

export function tallyOf(ticks: Tick[], everySeconds: number): Tally {
  const sum: Increase = { counters: {}, histograms: {}, restarted: false };
  const last = new Map<string, Sample>();
  const outages: Outage[] = [];
  const points: Point[] = [];
  let restarts = 0;
  let missed = 0;
  let lifeBegan = 0;
  for (const [index, { at, samples }] of ticks.entries()) {
    const time = Date.parse(at);
    const seconds = index === 0 ? 0 : (time - Date.parse(ticks[index - 1]!.at)) / 1000;
    // A look that is a little late still saw everything: counters do not forget.
    if (seconds > 3 * everySeconds) missed += seconds - everySeconds;
    const since: Increase = { counters: {}, histograms: {}, restarted: false };
    for (const sample of samples) {
      const increase = increaseOf(last.get(sample.url)?.measures ?? null, sample.measures);
      add(since, increase);
      if (increase.restarted) restarts += 1;
      if (sample.measures !== null) last.set(sample.url, sample);
    }
    add(sum, since);
    if (since.restarted) lifeBegan = time;
    const ready = samples.some((sample) => sample.ready);
    if (!ready) noteOutage(outages, at, samples, points.at(-1)?.ready ?? true);
    points.push(pointOf(time, seconds, ready, since, samples));
  }
  const known = ticks.flatMap(({ samples }) => samples);
  const began = Date.parse(ticks[0]!.at);
  const ended = Date.parse(ticks.at(-1)!.at);
  return {
    from: ticks[0]!.at,
    to: ticks.at(-1)!.at,
    watched_seconds: (ended - began) / 1000 - missed,
    missed_seconds: missed,
    checks: points.length,
    ready_checks: points.filter(({ ready }) => ready).length,
    blind_checks: ticks.filter(({ samples }) => samples.some(({ ready, measures }) => ready && measures === null))
      .length,
    restarts,
    outages,
    versions: [...new Set(known.flatMap(({ version }) => version ?? []))],
    sessions_peak: mostOf(known.flatMap(({ sessions }) => sessions ?? [])),
    counters: sum.counters,
    histograms: sum.histograms,
    gauges: coursesOf(points),
    memory_slope: memorySlope(points, lifeBegan),
    points,
  };
}

function add(sum: Increase, more: Increase): void {
  for (const [name, value] of Object.entries(more.counters)) sum.counters[name] = (sum.counters[name] ?? 0) + value;
  for (const [name, buckets] of Object.entries(more.histograms)) {
    const into = (sum.histograms[name] ??= {});
    for (const [edge, value] of Object.entries(buckets)) into[edge] = (into[edge] ?? 0) + value;
  }
  sum.restarted ||= more.restarted;
}

function noteOutage(outages: Outage[], at: string, samples: Sample[], wasReady: boolean): void {
  if (wasReady || outages.length === 0) outages.push({ from: at, checks: 0, reasons: [] });
  const outage = outages.at(-1)!;
  outage.checks += 1;
  outage.reasons = [...new Set([...outage.reasons, ...samples.flatMap(({ reasons }) => reasons)])];
}

function pointOf(at: number, seconds: number, ready: boolean, since: Increase, samples: Sample[]): Point {
  const { counters, histograms } = since;
  const asked = histograms['queries'] ?? histograms['requests'] ?? {};
  const rate = (count: number | undefined): number | undefined =>
    count === undefined || seconds === 0 ? undefined : count / seconds;
  return {
    at,
    ready,
    p50: quantileOf(asked, 0.5),
    p99: quantileOf(asked, 0.99),
    semantic_p99: quantileOf(histograms['semantic'] ?? {}, 0.99),
    requests_per_second: rate(counters['requests']),
    writes_per_second: histograms['writes'] === undefined ? undefined : rate(countOf(histograms['writes'])),
    errors_per_second: rate(counters['server_errors']),
    sessions: mostOf(samples.flatMap(({ sessions }) => sessions ?? [])) ?? undefined,
    gauges: gaugesOf(samples),
  };
}

function gaugesOf(samples: Sample[]): Record<string, number> {
  const gauges: Record<string, number> = {};
  for (const { measures } of samples) {
    for (const [name, value] of Object.entries(measures?.gauges ?? {})) {
      const before = gauges[name];
      gauges[name] = before === undefined ? value : ADDS_UP.has(name) ? before + value : Math.max(before, value);
    }
  }
  return gauges;
}

function coursesOf(points: Point[]): Record<string, Course> {
  const courses: Record<string, Course> = {};
  for (const { gauges } of points) {
    for (const [name, value] of Object.entries(gauges)) {
      const course = (courses[name] ??= { first: value, last: value, least: value, most: value });
      course.last = value;
      course.least = Math.min(course.least, value);
      course.most = Math.max(course.most, value);
    }
  }
  return courses;
}

function memorySlope(points: Point[], lifeBegan: number): number | null {
  const life = points.filter(({ at, gauges }) => at >= lifeBegan && gauges['resident_bytes'] !== undefined);
  const settled = life.slice(Math.ceil(life.length * WARM_UP));
  if (settled.length < 2 || settled.at(-1)!.at - settled[0]!.at < ENOUGH * 1000) return null;
  return slopeOf(settled.map(({ at, gauges }) => [at / 3_600_000, gauges['resident_bytes']!]));
}

const mostOf = (values: number[]): number | null =>
  values.length === 0 ? null : values.reduce((most, value) => Math.max(most, value));
