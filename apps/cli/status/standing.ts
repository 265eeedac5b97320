/** How a database and those who work on it stand, as one screen shows it. */
export interface Standing {
  /** The server that was asked; `null`: nobody answers, so the file was read. */
  server: { url: string; version: string; uptime_seconds: number } | null;
  /** The file, where it is on this machine. */
  file: string | null;
  health: { status: string; parts: { name: string; status: string; reason?: string }[] };
  database: { bytes: number; wal_bytes: number };
  log: { position: number; time: string | null; entry_hash: string };
  projections: { name: string; status: string; lag: number; reason: string | null; parked: number }[];
  /** Texts that wait for a vector; `null` where nobody is there to make them. */
  backlog: number | null;
  backups: { directory: string | null; count: number; last: LastBackup | null };
  disk: { available: number; size: number } | null;
  jobs: { name: string; enabled: boolean; next_run_at: string | null; last: JobRun | null }[];
  /** What somebody should look at, in sentences. */
  needs_a_look: string[];
}

export interface LastBackup {
  id: string;
  created_at: string;
  position: number;
  packed_size: number;
}

export interface JobRun {
  status: string;
  started_at: string;
}

/** Hours after which a backup that is taken each day is late. */
const BACKUP_LATE = 36;
/** Share of the disk that has to be free. */
const DISK_LOW = 0.1;

/** What a person would notice who reads all of it. */
export function needsALook(standing: Omit<Standing, 'needs_a_look'>, now: number): string[] {
  const { health, projections, backups, disk, jobs } = standing;
  const age = backups.last === null ? undefined : (now - Date.parse(backups.last.created_at)) / 3_600_000;
  const parts = health.parts.filter((part) => part.status !== 'ok').map(({ name, reason }) => `${name}: ${reason}`);
  const parked = projections.filter((one) => one.parked > 0);
  const failed = jobs.filter(({ last }) => last !== null && last.status !== 'succeeded' && last.status !== 'running');
  return [
    ...parts,
    ...parked.map((one) => `${one.name} has left ${one.parked} events aside: abathur projections parked ${one.name}`),
    ...(age === undefined ? ['there is no backup: abathur backup'] : []),
    ...(age !== undefined && age > BACKUP_LATE ? [`the last backup is ${Math.floor(age)} hours old`] : []),
    ...(disk !== null && disk.available < disk.size * DISK_LOW ? ['less than a tenth of the disk is free'] : []),
    ...failed.map(({ name, last }) => `the job ${name} has ${last!.status}: abathur jobs list`),
  ];
}
