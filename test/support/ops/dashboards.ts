import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Target {
  refId: string;
  expr: string;
  legendFormat: string;
  datasource: { type: string; uid: string };
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description: string;
  datasource: { type: string; uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  links?: { title: string; url: string }[];
  fieldConfig: {
    defaults: { unit: string; thresholds: { steps: { color: string; value: number | null }[] } };
    overrides: { matcher: { id: string; options: string }; properties: { id: string; value: unknown }[] }[];
  };
  targets: Target[];
}

export interface Dashboard {
  uid: string;
  title: string;
  description: string;
  templating: { list: { name: string; type: string; query: string | { query: string } }[] };
  panels: Panel[];
}

const FOLDER = 'grafana/dashboards';

/** The dashboards as they lie in the repository, by the name of their file. */
export const dashboards = (): [string, Dashboard][] =>
  readdirSync(FOLDER)
    .toSorted()
    .map((file) => [file, JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Dashboard]);

/** What Grafana puts in for its variables when everything is chosen, for scrapes of a second and the last minute. */
export const filledIn = (expression: string): string =>
  expression
    .replaceAll('$__rate_interval', '5s')
    .replaceAll('$__range', '60s')
    .replaceAll('$job', '.+')
    .replaceAll('$instance', '.+');

/** Names of metrics in an expression. */
export const metricsIn = (expression: string): string[] => [
  ...new Set(expression.match(/\b(?:abathur|process|nodejs)_\w+|\bup\b/g) ?? []),
];

/** The types of metrics as an exposition declares them; of a histogram the series as well. */
export function typesOf(exposition: string): Map<string, string> {
  const types = new Map<string, string>([['up', 'gauge']]);
  for (const [, name, type] of exposition.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    if (type !== 'histogram') types.set(name!, type!);
    else for (const suffix of ['_bucket', '_sum', '_count']) types.set(`${name}${suffix}`, 'counter');
  }
  return types;
}

/** Counters that an expression does not put under rate or increase, and gauges that it does. */
export function misused(expression: string, types: ReadonlyMap<string, string>): string[] {
  return metricsIn(expression).filter((name) => {
    const uses = [...expression.matchAll(new RegExp(`(\\w+)?\\(?\\b${name}\\b`, 'g'))];
    const underRate = uses.filter(([text]) => /^(?:rate|increase)\(/.test(text)).length;
    return types.get(name) === 'counter' ? underRate < uses.length : underRate > 0;
  });
}
