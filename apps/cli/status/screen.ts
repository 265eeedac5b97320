import { megabytes } from '#storage';
import { count, duration } from '../progress.js';
import type { Standing } from './standing.js';

/** A standing on one screen. */
export function screen(standing: Standing, now: number): string {
  const rows = [...where(standing), ...contents(standing, now), ...work(standing, now)];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, text]) => `${name.padEnd(width)}  ${text}\n`).join('');
  const { needs_a_look: look } = standing;
  if (look.length === 0) return `${lines}\nNothing needs a look.\n`;
  return `${lines}\nTo look at:\n${look.map((line) => `  ${line}\n`).join('')}`;
}

type Row = [name: string, text: string];

function where({ server, file, health, database, disk }: Standing): Row[] {
  const running = server === null ? 'none has this file open' : `${server.url}, version ${server.version}`;
  const since = server === null ? '' : `, up ${duration(server.uptime_seconds)}`;
  const free = disk === null ? 'unknown' : `${megabytes(disk.available)} of ${megabytes(disk.size)} free`;
  return [
    ['server', running + since],
    ['file', file ?? 'on another machine'],
    ['health', health.status],
    ['size', `${megabytes(database.bytes)}, write-ahead log ${megabytes(database.wal_bytes)}`],
    ['disk', free],
  ];
}

function contents({ log, projections, backlog, backups }: Standing, now: number): Row[] {
  const behind = projections.filter(({ lag }) => lag > 0);
  const stopped = projections.filter((one) => one.status === 'stopped');
  const furthest = behind.toSorted((a, b) => b.lag - a.lag)[0];
  const lags =
    furthest === undefined
      ? 'all at the head'
      : `${count(behind.length)} behind, ${furthest.name} most: ${count(furthest.lag)} entries`;
  const of = `${count(projections.length)}, ${lags}`;
  const { last } = backups;
  return [
    ['log', `${count(log.position)} entries${log.time === null ? '' : `, the last ${ago(log.time, now)}`}`],
    ['head', log.entry_hash],
    ['projections', stopped.length === 0 ? of : `${of}; ${count(stopped.length)} stopped`],
    ['vectors', backlog === null ? 'nobody makes them now' : `${count(backlog)} texts wait`],
    [
      'backups',
      last === null
        ? 'none'
        : `${count(backups.count)}, the last ${ago(last.created_at, now)}: ${last.id}, ${count(last.position)} entries, ${megabytes(last.packed_size)}`,
    ],
  ];
}

function work({ jobs }: Standing, now: number): Row[] {
  return jobs.map(({ name, enabled, next_run_at, last }, index) => {
    const ran = last === null ? 'never run' : `${last.status} ${ago(last.started_at, now)}`;
    const next = !enabled ? 'switched off' : next_run_at === null ? 'no plan' : `next ${next_run_at}`;
    return [index === 0 ? 'jobs' : '', `${name}: ${ran}, ${next}`];
  });
}

function ago(time: string, now: number): string {
  const seconds = (now - Date.parse(time)) / 1000;
  if (seconds < 0) return `at ${time}, which is yet to come`;
  if (seconds < 3600) return `${duration(seconds)} ago`;
  return seconds < 48 * 3600 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86_400)} days ago`;
}
