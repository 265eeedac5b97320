import { catalog, readConfig, sizeOf } from '#assembly';
import { LogReader } from '#audit-log';
import { asListed, Shelf } from '#backup';
import { jobRows } from '#jobs';
import { projectionStatus } from '#projections';
import { diskOf } from '#storage';
import { openToRead } from '../target.js';
import { lastOf } from './of-server.js';
import { needsALook, type Standing } from './standing.js';

/** What a file tells of itself while no server has it open. */
export function standingOfFile(path: string): Standing {
  const db = openToRead(path);
  try {
    const { ABATHUR_BACKUP_DIR: directory } = readConfig(process.env);
    const backups = new Shelf(directory).list().map(asListed);
    const projections = db.hasTable('parked_events') ? projectionStatus.run(db, null) : [];
    const stopped = projections.filter(({ status }) => status === 'stopped');
    const jobs = db.hasTable('job_runs') ? [...jobRows.run(db, null).values()] : [];
    const standing = {
      server: null,
      file: path,
      health: {
        status: stopped.length === 0 ? 'no server runs' : 'no server runs, and a projection has stopped',
        parts: stopped.map(({ name, reason }) => ({ name, status: 'degraded', reason: String(reason) })),
      },
      database: { bytes: sizeOf(path), wal_bytes: sizeOf(`${path}-wal`) },
      log: new LogReader(db, catalog).head(),
      projections: projections.map(({ name, status, lag, reason, parked }) => ({ name, status, lag, reason, parked })),
      backlog: null,
      backups: { directory, count: backups.length, last: lastOf(backups) },
      disk: diskOf(path),
      jobs: jobs.map(({ name, settings, run }) => ({
        name,
        enabled: settings?.enabled ?? true,
        next_run_at: run?.due_at ?? null,
        last: run?.started_at == null ? null : { status: run.result ?? 'interrupted', started_at: run.started_at },
      })),
    };
    return { ...standing, needs_a_look: needsALook(standing, Date.now()) };
  } finally {
    db.close();
  }
}
