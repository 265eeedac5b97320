import type { Point } from './tally.js';

/** Something that would have woken somebody. */
export interface Critical {
  what: string;
  at: string;
}

/** The five critical alerts, judged by what the watch itself saw. Each is told once for each time that it begins. */
const CONDITIONS: { what: string; holds: (point: Point) => boolean; forSeconds: number; overChecks: number }[] = [
  {
    what: 'Database unavailable: more than 3 checks in a row failed',
    holds: ({ ready }) => !ready,
    forSeconds: 0,
    overChecks: 4,
  },
  { what: 'Query p99 above 200 ms for 5 minutes', holds: ({ p99 = 0 }) => p99 > 0.2, forSeconds: 300, overChecks: 2 },
  {
    what: 'An integrity check found flaws',
    holds: ({ gauges }) => (gauges['flaws'] ?? 0) > 0,
    forSeconds: 0,
    overChecks: 1,
  },
  {
    what: 'Less than 10 % of the disk is free',
    holds: ({ gauges }) => (gauges['disk_free'] ?? 1) < 0.1 * (gauges['disk_size'] ?? 1),
    forSeconds: 0,
    overChecks: 1,
  },
  {
    what: 'More than 10 turns of the embedder failed in a row',
    holds: ({ gauges }) => (gauges['embedding_failures'] ?? 0) > 10,
    forSeconds: 0,
    overChecks: 1,
  },
];

export function criticalOf(points: Point[]): Critical[] {
  return CONDITIONS.flatMap(({ what, holds, forSeconds, overChecks }) => {
    const found: Critical[] = [];
    let since: number | undefined;
    let checks = 0;
    let told = false;
    for (const point of points) {
      if (!holds(point)) {
        [since, checks, told] = [undefined, 0, false];
        continue;
      }
      since ??= point.at;
      checks += 1;
      if (told || checks < overChecks || point.at - since < forSeconds * 1000) continue;
      told = true;
      found.push({ what, at: new Date(point.at).toISOString() });
    }
    return found;
  }).toSorted((a, b) => a.at.localeCompare(b.at));
}
