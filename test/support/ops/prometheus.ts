import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { programPath } from '../program.js';
import { freePort, temporaryDirectory } from '../server.js';
import { until, type Patience } from '../until.js';
import { startDaemon, type Daemon } from './daemon.js';

/** What is scraped, by the name of its job: addresses as `127.0.0.1:8000`. */
export type Targets = Record<string, string[]>;

export interface PrometheusOptions {
  targets: Targets;
  /** Files of rules. */
  rules?: string[];
  /** Where alerts go, as `127.0.0.1:9093`. */
  alertmanager?: string;
  /** Between two scrapes, and two evaluations of the rules. */
  every?: string;
}

export interface Series {
  metric: Record<string, string>;
  /** Seconds since 1970, and the value there. */
  values: [number, number][];
}

export interface ActiveAlert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  state: 'pending' | 'firing';
}

/** A real Prometheus on a port and in a directory of its own. */
export interface Prometheus extends Daemon {
  url: string;
  /** The value of each series now; refused by Prometheus: an error with what it says. */
  query(expression: string): Promise<Series[]>;
  /** The values of each series over the last seconds. */
  range(expression: string, seconds: number, step?: number): Promise<Series[]>;
  /** One number, or nothing as long as there is none. */
  value(expression: string): Promise<number | undefined>;
  alerts(): Promise<ActiveAlert[]>;
  /** Waits until an alert fires, or does not any more. */
  firing(alertname: string, patience?: Patience): Promise<ActiveAlert>;
  quiet(alertname: string, patience?: Patience): Promise<void>;
}

export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const { targets, rules = [], alertmanager, every = '1s' } = options;
  const directory = temporaryDirectory();
  const config = join(directory, 'prometheus.yml');
  writeFileSync(
    config,
    dump({
      global: { scrape_interval: every, scrape_timeout: every, evaluation_interval: every },
      rule_files: rules,
      alerting: alertmanager && { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] },
      scrape_configs: Object.entries(targets).map(([job_name, addresses]) => ({
        job_name,
        static_configs: [{ targets: addresses }],
      })),
    }),
  );
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  const daemon = await startDaemon(
    programPath('prometheus', 'prometheus'),
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=${address}`,
      // Rules that are sixty times as fast want their alerts sent again as often.
      '--rules.alert.resend-delay=1s',
      '--rules.alert.for-outage-tolerance=1s',
      '--rules.alert.for-grace-period=1s',
    ],
    { url: `${url}/-/ready` },
  );
  return { ...daemon, url, ...asking(url) };
}

function asking(url: string): Omit<Prometheus, 'url' | keyof Daemon> {
  const get = async (path: string, parameters: Record<string, string> = {}): Promise<unknown> => {
    const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const body = (await answer.json()) as { status: string; error?: string; data: unknown };
    if (body.status !== 'success') throw new Error(`${body.error} in ${parameters['query'] ?? path}`);
    return body.data;
  };
  const query = async (expression: string): Promise<Series[]> => {
    const data = await get('query', { query: expression });
    return series(data as Matrix);
  };
  const alerts = async (): Promise<ActiveAlert[]> => ((await get('alerts')) as { alerts: ActiveAlert[] }).alerts;
  const active = async (name: string): Promise<ActiveAlert | undefined> =>
    (await alerts()).find(({ labels, state }) => labels['alertname'] === name && state === 'firing');
  return {
    query,
    alerts,
    range: async (expression, seconds, step = 1) => {
      const end = Date.now() / 1000;
      const span = { start: String(end - seconds), end: String(end), step: String(step) };
      return series((await get('query_range', { query: expression, ...span })) as Matrix);
    },
    value: async (expression) => (await query(expression))[0]?.values[0]?.[1],
    firing: (name, patience) => until(`${name} fires`, () => active(name), { instead: alerts, ...patience }),
    quiet: async (name, patience) => {
      await until(`${name} is over`, async () => (await active(name)) === undefined, { instead: alerts, ...patience });
    },
  };
}

interface Matrix {
  resultType: 'matrix' | 'vector' | 'scalar';
  result: ({ metric: Record<string, string> } & ({ value: Sample } | { values: Sample[] }))[] | Sample;
}
type Sample = [number, string];

function series({ resultType, result }: Matrix): Series[] {
  const numbers = ([time, value]: Sample): [number, number] => [time, Number(value.replace('Inf', 'Infinity'))];
  if (resultType === 'scalar') return [{ metric: {}, values: [numbers(result as Sample)] }];
  return (result as Exclude<Matrix['result'], Sample>).map(({ metric, ...samples }) => ({
    metric,
    values: ('values' in samples ? samples.values : [samples.value]).map(numbers),
  }));
}

/** What promtool prints, and whether it was content. */
export function promtool(args: string[], input?: string): { ok: boolean; output: string } {
  const { status, stdout, stderr } = spawnSync(programPath('promtool', 'prometheus'), args, {
    input,
    encoding: 'utf8',
  });
  return { ok: status === 0, output: `${stdout}${stderr}` };
}
