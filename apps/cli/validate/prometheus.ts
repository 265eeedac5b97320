import { EXIT, Failure } from '../failure.js';

/** What a Prometheus that watches the same deployment knows of its alerts. */
export interface Alerting {
  url: string;
  rules: number;
  healthy: number;
  /** Critical alerts that fired within the window. */
  critical: string[];
}

interface RulesAnswer {
  data: { groups: { rules: { type: string; name: string; health: string }[] }[] };
}
interface QueryAnswer {
  data: { result: { metric: Record<string, string> }[] };
}

export async function alertingOf(url: string, windowSeconds: number): Promise<Alerting> {
  const base = url.replace(/\/+$/, '');
  const { data } = await ask<RulesAnswer>(base, '/api/v1/rules?type=alert');
  const rules = data.groups.flatMap((group) => group.rules);
  const window = Math.max(1, Math.ceil(windowSeconds));
  const query = `count_over_time(ALERTS{severity="critical",alertstate="firing"}[${window}s])`;
  const fired = await ask<QueryAnswer>(base, `/api/v1/query?query=${encodeURIComponent(query)}`);
  return {
    url: base,
    rules: rules.length,
    healthy: rules.filter(({ health }) => health === 'ok').length,
    critical: fired.data.result.map(({ metric }) => metric['alertname'] ?? 'unnamed'),
  };
}

async function ask<T>(base: string, path: string): Promise<T> {
  try {
    const response = await fetch(base + path, { signal: AbortSignal.timeout(10_000) });
    if (!response.ok) throw new Error(`${response.status}`);
    return (await response.json()) as T;
  } catch (error) {
    throw new Failure(
      EXIT.unavailable,
      'no-prometheus',
      `No Prometheus answers at ${base} (${(error as Error).message}).`,
      'Leave --prometheus out: the watch takes its own samples, and the report says that alerts were not seen.',
    );
  }
}
