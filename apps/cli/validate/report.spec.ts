import { describe, expect, it } from '@jest/globals';
import { FULL, markdownOf, reportOf, type Plan } from './report.js';
import type { Measures } from './measures.js';
import type { Tick } from './tally.js';

const BEGAN = Date.parse('2026-01-05T00:00:00.000Z');
const URL = 'http://127.0.0.1:8000';

interface Look {
  ready?: boolean;
  /** When the process was started; another one begins to count at 0. */
  started?: number;
  requests?: number;
  errors?: number;
  slow?: number;
  size?: number;
  backups?: [good: number, bad: number];
  backupAt?: number;
  sessions?: number;
  gauges?: Record<string, number>;
  /** The process did not answer with metrics. */
  blind?: boolean;
}

const histogram = (count: number, slow: number): Record<string, number> => ({
  '0.005': count - slow,
  '0.2': count - slow,
  '0.5': count,
  '+Inf': count,
});

function measures({
  started = 1,
  requests = 0,
  errors = 0,
  slow = 0,
  size = 1e9,
  backups = [0, 0],
  backupAt,
  gauges,
}: Look): Measures {
  const buckets = histogram(requests, slow);
  return {
    counters: { requests, server_errors: errors, backups_good: backups[0], backups_bad: backups[1] },
    gauges: {
      started,
      database_bytes: size,
      backup_at: backupAt ?? BEGAN / 1000 - 3600,
      resident_bytes: 2e8,
      ...gauges,
    },
    histograms: { requests: buckets, sessions: buckets, memories: buckets, semantic: buckets, hybrid: buckets },
  };
}

const ticks = (looks: Look[], every = 60): Tick[] =>
  looks.map((look, index) => {
    const at = new Date(BEGAN + index * every * 1000).toISOString();
    const { ready = true, blind = false, sessions = 120 } = look;
    const reasons = ready ? [] : ['ECONNREFUSED'];
    const sample = { at, url: URL, ready, reasons, answered_ms: ready ? 1 : null, version: '1.0.0', sessions };
    return { at, samples: [{ ...sample, measures: ready && !blind ? measures(look) : null }] };
  });

const plan = (minutes: number, every = 60): Plan => ({
  urls: [URL],
  asked_seconds: minutes * 60,
  every_seconds: every,
  began_at: new Date(BEGAN).toISOString(),
});

/** So many looks at a deployment that is well, a thousand requests each. */
const well = (count: number, more: Look = {}): Look[] =>
  Array.from({ length: count }, (_, index) => ({ requests: index * 1000, ...more }));

const judge = (looks: Look[], minutes = looks.length - 1) => reportOf(plan(minutes), ticks(looks), null).report;
const line = (looks: Look[], what: string) =>
  judge(looks).criteria.find((criterion) => criterion.what.startsWith(what))!;

describe('R-O7 The verdict of a watch', () => {
  it('is GO when every criterion is met', () => {
    const report = judge(well(16));
    expect(report).toMatchObject({ verdict: 'GO', because: [], interrupted: false });
    expect(new Set(report.criteria.map(({ status }) => status))).toEqual(new Set(['met']));
  });

  it('is NO-GO when the watch ended before its time, and the report begins with that', () => {
    const judged = reportOf(plan(120), ticks(well(16)), null);
    expect(judged.report).toMatchObject({ verdict: 'NO-GO', interrupted: true });
    expect(judged.report.because).toEqual(['the watch ended after 15 min of 2 h']);
    const text = markdownOf(judged, []);
    expect(text.indexOf('> Stopped before its end: 15 min of 2 h.')).toBeGreaterThan(0);
    expect(text.indexOf('> Stopped before its end')).toBeLessThan(text.indexOf('## Criteria'));
  });

  it('says of a short window that it is one, and of two days nothing', () => {
    expect(markdownOf(reportOf(plan(15), ticks(well(16)), null), [])).toContain('shorter than the 48 h');
    const days = ticks(well(49), 3600);
    const full = reportOf({ ...plan(48 * 60), every_seconds: 3600, asked_seconds: FULL }, days, null);
    expect(full.report.full_length).toBe(true);
    expect(markdownOf(full, [])).not.toContain('shorter than');
  });

  it('is NO-GO when something was not seen: what is not shown is not passed', () => {
    const report = judge(well(16, { requests: 0 }));
    expect(report.verdict).toBe('NO-GO');
    expect(report.because).toContain('Not seen: Semantic search, p99 (no semantic searches in the window)');
  });

  it('is NO-GO when the watch itself was away', () => {
    const seen = ticks(well(16)).filter((_, index) => index < 3 || index > 12);
    const { report } = reportOf(plan(15), seen, null);
    expect(report.because).toContain('10 min were not watched');
    expect(report.not_seen[0]).toBe('10 min in which the watch itself did not run.');
  });
});

describe('R-O7 The criteria', () => {
  it('count the time in which nobody took requests, with why', () => {
    const looks = well(16);
    looks[5] = { ...looks[5], ready: false };
    looks[6] = { ...looks[6], ready: false };
    expect(line(looks, 'Uptime')).toMatchObject({ status: 'missed', actual: '87.5 %', margin: '1 outage' });
    expect(judge(looks).tally.outages).toEqual([
      { from: '2026-01-05T00:05:00.000Z', checks: 2, reasons: ['ECONNREFUSED'] },
    ]);
  });

  it('add up over a restart, from 0 again', () => {
    const looks = [...well(4), ...well(4, { started: 2 })];
    const { tally } = judge(looks);
    expect(tally).toMatchObject({ restarts: 1, counters: { requests: 6000 } });
    expect(tally.histograms['sessions']!['+Inf']).toBe(6000);
  });

  it('lose nothing where one look got no metrics', () => {
    const looks = well(8).map((look, index) => ({ ...look, blind: index === 3 }));
    expect(judge(looks).tally).toMatchObject({ counters: { requests: 7000 }, blind_checks: 1, restarts: 0 });
  });

  it.each([
    [70, 'met'],
    [80, 'missed'],
  ] as const)('hold errors against one in a thousand: %i of 75,000 is %s', (errors, status) => {
    const looks = well(76).map((look, index) => ({ ...look, errors: index === 75 ? errors : 0 }));
    expect(line(looks, 'Error rate').status).toBe(status);
  });

  it.each([
    ['Session operations', 'missed', /^17\.5 × behind$/],
    ['Memory operations', 'missed', /^7\.0 × behind$/],
    ['Semantic search', 'met', /^1\.4 × ahead$/],
  ])('hold the p99 of %s against its limit: %s', (what, status, margin) => {
    // Two in a hundred take between 200 and 500 ms: half of them less than 350.
    const looks = well(16).map((look) => ({ ...look, slow: look.requests! * 0.02 }));
    expect(line(looks, what)).toMatchObject({ status, margin: expect.stringMatching(margin) as string });
  });

  it('let a database grow by less than a tenth', () => {
    const grown = (to: number): Look[] => well(16).map((look, index) => ({ ...look, size: index === 15 ? to : 1e9 }));
    expect(line(grown(1.09e9), 'Database growth').status).toBe('met');
    expect(line(grown(1.11e9), 'Database growth').status).toBe('missed');
  });

  it('want every backup to be good, and one each day', () => {
    const last = (backups: [number, number]): Look[] =>
      well(16).map((look, index) => ({ ...look, backups: index === 15 ? backups : [0, 0] }));
    expect(line(last([1, 0]), 'Backups')).toMatchObject({ status: 'met', actual: '100 %' });
    expect(line(last([1, 1]), 'Backups')).toMatchObject({ status: 'missed', actual: '50 %' });
    expect(line(well(16), 'Backups')).toMatchObject({ status: 'met', actual: 'none due' });
    expect(line(well(16, { backupAt: BEGAN / 1000 - 27 * 3600 }), 'Backups').status).toBe('missed');
    expect(line(well(16, { backupAt: 0 }), 'Backups').status).toBe('not seen');
  });

  it('want fifty sessions at a time', () => {
    expect(line(well(16, { sessions: 50 }), 'Concurrent').status).toBe('met');
    expect(line(well(16, { sessions: 49 }), 'Concurrent').status).toBe('missed');
  });

  it.each([
    ['flaws', { flaws: 1 }, 'An integrity check found flaws'],
    ['a disk that is nearly full', { disk_free: 9, disk_size: 100 }, 'Less than 10 % of the disk is free'],
    ['a dead embedder', { embedding_failures: 11 }, 'More than 10 turns of the embedder failed in a row'],
  ])('know %s for critical, once for each time', (_, gauges, what) => {
    const looks = well(16).map((look, index) => (index > 4 && index < 9 ? { ...look, gauges } : look));
    expect(judge(looks).critical).toEqual([{ what, at: '2026-01-05T00:05:00.000Z' }]);
    expect(line(looks, 'Critical')).toMatchObject({ status: 'missed', actual: '1' });
  });

  it.each([
    [3, 0],
    [4, 1],
  ])('know a database for unavailable after more than three checks: %i in a row make %i', (down, found) => {
    const looks = well(16).map((look, index) => ({ ...look, ready: index < 5 || index >= 5 + down }));
    expect(judge(looks).critical).toHaveLength(found);
  });

  it('know slow queries for critical after five minutes', () => {
    const slowFor = (minutes: number): Look[] =>
      well(16).map((look, index) => ({ ...look, slow: 20 * Math.min(Math.max(index - 4, 0), minutes) }));
    expect(judge(slowFor(5)).critical).toHaveLength(0);
    expect(judge(slowFor(6)).critical).toHaveLength(1);
  });
});
