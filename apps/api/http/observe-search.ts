import type { Metrics } from '#telemetry';

/** Counts a search that has been answered. */
export function observeSearch(
  { searchDuration, searchDegraded, searchRequests }: Metrics,
  answered: { source: 'memory' | 'document'; mode: string; degraded: boolean; found: number; begin: number },
): void {
  const { source, mode, degraded, found, begin } = answered;
  searchDuration.observe({ mode }, (performance.now() - begin) / 1000);
  searchRequests.inc({ source, mode, result: found > 0 ? 'hit' : 'empty' });
  if (degraded) searchDegraded.inc();
}
