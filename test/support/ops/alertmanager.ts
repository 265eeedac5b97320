import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { dump, load } from 'js-yaml';
import { programPath } from '../program.js';
import { freePort, temporaryDirectory } from '../server.js';
import { startDaemon, type Daemon } from './daemon.js';
import type { Receivers } from './receivers.js';

/** A real Alertmanager on a port and in a directory of its own. */
export interface Alertmanager extends Daemon {
  /** As Prometheus is told it: `127.0.0.1:9093`. */
  address: string;
  url: string;
}

export async function startAlertmanager(config: string): Promise<Alertmanager> {
  const directory = temporaryDirectory();
  const file = join(directory, 'alertmanager.yml');
  writeFileSync(file, config);
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  const daemon = await startDaemon(
    programPath('prometheus-alertmanager', 'prometheus-alertmanager'),
    [
      `--config.file=${file}`,
      `--storage.path=${join(directory, 'data')}`,
      `--web.listen-address=${address}`,
      // One alone: it looks for no others.
      '--cluster.listen-address=',
    ],
    { url: `${url}/-/ready` },
  );
  return { ...daemon, address, url };
}

interface Config {
  global: Record<string, unknown>;
  route: Route;
  receivers: Record<string, unknown>[];
}
type Route = Record<string, unknown> & { routes?: Route[] };

/**
 * The configuration of a deployment with the same routes, but with doubles where the services are, secrets that are made up,
 * and a second where it waits for a minute.
 */
export function pointedAt(config: string, { url, smarthost }: Receivers): string {
  const secrets = join(temporaryDirectory(), 'secrets');
  mkdirSync(secrets);
  const parsed = load(config) as Config;
  Object.assign(parsed.global, {
    pagerduty_url: `${url}/pagerduty`,
    opsgenie_api_url: `${url}/opsgenie`,
    smtp_smarthost: smarthost,
    smtp_require_tls: false,
  });
  // A double asks nobody who they are, and Alertmanager tells no password without TLS.
  for (const name of ['smtp_auth_username', 'smtp_auth_password_file']) delete parsed.global[name];
  const quickly = (route: Route): Route => ({
    ...route,
    ...('group_wait' in route && { group_wait: '100ms' }),
    ...('group_interval' in route && { group_interval: '1s' }),
    routes: route.routes?.map(quickly) ?? [],
  });
  parsed.route = quickly(parsed.route);
  return dump(parsed).replaceAll(/\/\S+\/alertmanager\/(\S+)/g, (path: string) => {
    const secret = join(secrets, basename(path));
    writeFileSync(secret, secret.includes('slack') ? `${url}/slack` : 'made-up');
    return secret;
  });
}

/** What amtool answers, what it complains of, and whether it was content. */
export function amtool(args: string[]): { ok: boolean; answer: string; complaints: string } {
  const { status, stdout, stderr } = spawnSync(programPath('amtool', 'prometheus-alertmanager'), args, {
    encoding: 'utf8',
  });
  return { ok: status === 0, answer: stdout.trim(), complaints: stderr };
}
