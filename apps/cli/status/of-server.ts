import { existsSync } from 'node:fs';
import { readConfig } from '#assembly';
import type { ListedBackup } from '#backup';
import type { JobView } from '#jobs';
import type { Page } from '#kernel';
import { diskOf, fileId } from '#storage';
import type { Rest } from '../rest.js';
import type { Desk } from '../projections/desk.js';
import { needsALook, type Standing } from './standing.js';

interface Health {
  status: string;
  version: string;
  uptime_seconds: number;
  parts: Record<string, { status: string; reason?: string; details: Record<string, unknown> }>;
}

/** What a running server tells of itself. */
export async function standingOfServer({ url, rest }: { url: string; rest: Rest }): Promise<Standing> {
  const [health, head, projections, search, backups, jobs] = await Promise.all([
    rest.getWhateverStatus<Health>('/health'),
    rest.get<Standing['log']>('/v1/audit/head'),
    rest.get<Awaited<ReturnType<Desk['list']>>>('/v1/admin/projections'),
    rest.get<{ backlog: number; lag: number }>('/v1/search/status'),
    rest.get<Page<ListedBackup>>('/v1/admin/backups'),
    rest.get<JobView[]>('/v1/admin/jobs'),
  ]);
  const { status, version, uptime_seconds, parts } = health.body;
  const {
    file_id,
    size_bytes = 0,
    wal_bytes = 0,
  } = (parts['database']?.details ?? {}) as {
    file_id?: string;
    size_bytes?: number;
    wal_bytes?: number;
  };
  const { ABATHUR_DB_PATH: path } = readConfig(process.env);
  const here = existsSync(path) && fileId(path) === file_id;
  const { position, time, entry_hash } = head.body;
  const standing = {
    server: { url, version, uptime_seconds },
    file: here ? path : null,
    health: { status, parts: Object.entries(parts).map(([name, part]) => ({ name, ...pick(part) })) },
    database: { bytes: size_bytes, wal_bytes },
    log: { position, time, entry_hash },
    projections: projections.body.map(({ name, status: stands, lag, reason, parked }) => ({
      name,
      status: stands,
      lag,
      reason,
      parked,
    })),
    backlog: search.body.backlog + search.body.lag,
    backups: { directory: null, count: backups.body.items.length, last: lastOf(backups.body.items) },
    disk: here ? diskOf(path) : null,
    jobs: jobs.body.map(({ name, enabled, next_run_at, last_run }) => ({
      name,
      enabled,
      next_run_at,
      last: last_run === null ? null : { status: last_run.status, started_at: last_run.started_at },
    })),
  };
  return { ...standing, needs_a_look: needsALook(standing, Date.now()) };
}

const pick = ({ status, reason }: Health['parts'][string]): { status: string; reason?: string } => ({
  status,
  ...(reason !== undefined && { reason }),
});

/** The newest of some backups, as far as a screen shows it. */
export function lastOf([newest]: ListedBackup[]): Standing['backups']['last'] {
  if (newest === undefined) return null;
  const { id, created_at, position, packed_size } = newest;
  return { id, created_at, position, packed_size };
}
