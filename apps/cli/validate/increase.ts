import type { Measures } from './measures.js';
import type { Buckets } from './quantile.js';

/** By how much what only grows has grown between two looks at one process. */
export interface Increase {
  counters: Record<string, number>;
  histograms: Record<string, Buckets>;
  /** Another process answered the second time: its counters began at 0. */
  restarted: boolean;
}

/**
 * The first look is what later ones are held against. A process that was started in between counts from 0 again: what
 * it has is new. What the one before it counted between the first look and its end, nobody knows.
 */
export function increaseOf(before: Measures | null, now: Measures | null): Increase {
  if (before === null || now === null) return { counters: {}, histograms: {}, restarted: false };
  const restarted = before.gauges['started'] !== now.gauges['started'];
  const known = restarted ? undefined : before;
  return {
    counters: grown(known?.counters, now.counters),
    histograms: Object.fromEntries(
      Object.entries(now.histograms).map(([name, buckets]) => [name, grown(known?.histograms[name], buckets)]),
    ),
    restarted,
  };
}

function grown(before: Record<string, number> = {}, now: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(now).map(([name, value]) => {
      const was = before[name] ?? 0;
      return [name, value < was ? value : value - was];
    }),
  );
}
