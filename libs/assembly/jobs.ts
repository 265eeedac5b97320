import type { JobDefinition } from '#jobs';
import { asListed } from '#backup';
import { expireEnded } from '#memories';
import type { Report } from '#operations';
import { systemCaller } from './caller.js';
import { runArchive, runDuplicateScan, runEpisodicConsolidation } from './consolidation.js';
import { integrityCheck } from './integrity/start.js';
import type { House } from './open-house.js';

/** What is done again and again, by one worker at a time. */
export interface Job {
  /** For instance `expire-memories`. */
  name: string;
  /** What it does, in a sentence. */
  description: string;
  /** Five cron fields, in UTC, unless somebody says otherwise. */
  schedule: string;
  /**
   * Does it. A run may be interrupted and begun again, and is looked at by the minute: it works in steps, each of which
   * changes nothing the second time, reports how far it is, and looks at the signal between them. What it writes carries
   * the operation's id: `systemCaller(id)`.
   */
  run(house: House, report: Report, options: { dry_run: boolean; id: string; signal: AbortSignal }): Promise<object>;
}

const jobs: Job[] = [
  {
    name: 'backup',
    description: 'Takes a backup, checks that it can be had back, and lets go of those that are too old.',
    schedule: '0 2 * * *',
    run: async ({ backups, config }, report, { dry_run }) =>
      dry_run
        ? {
            directory: config.ABATHUR_BACKUP_DIR,
            keep_days: config.ABATHUR_BACKUP_KEEP_DAYS,
            taken: backups.list().length,
          }
        : asListed(await backups.take('scheduled', ({ done, total }) => report({ done, total }))),
  },
  {
    name: 'check-integrity',
    description: 'Holds everything in the database against everything else; changes nothing.',
    schedule: '30 2 * * *',
    run: (house, report, { id }) => integrityCheck(house)(report, id),
  },
  {
    name: 'expire-memories',
    description: 'Lets memories fade whose life time is over.',
    schedule: '10 3 * * *',
    run: ({ auditLog, reads }, report, { id, ...options }) =>
      expireEnded({ log: auditLog, reads, caller: () => systemCaller(id), report, ...options }),
  },
  {
    name: 'scan-duplicates',
    description: 'Looks for memories that repeat or contradict each other, and flags them.',
    schedule: '20 3 * * *',
    run: (house, report, { id, dry_run, signal }) =>
      runDuplicateScan(house, { operation: id, dry_run, report, signal }),
  },
  {
    name: 'consolidate-episodes',
    description: 'Puts episodes older than 30 days into summaries.',
    schedule: '40 3 * * 1',
    run: (house, report, { id, dry_run, signal }) =>
      runEpisodicConsolidation(house, { operation: id, dry_run, report, signal }),
  },
  {
    name: 'archive-memories',
    description: 'Takes episodes out of lists and searches that nobody has written for half a year.',
    schedule: '50 3 1 * *',
    run: (house, report, { id, dry_run, signal }) => runArchive(house, { operation: id, dry_run, report, signal }),
  },
];

/** The jobs of a house that is being opened. */
export const jobsOf = (house: () => House): JobDefinition[] =>
  jobs.map((job) => ({ ...job, run: (report, options) => job.run(house(), report, options) }));
