import { randomUUID } from 'node:crypto';
import type { Caller } from '#kernel';
import {
  archive,
  consolidate,
  summariseEpisodes,
  type ArchiveResult,
  type ConsolidationPorts,
  type ConsolidationResult,
  type EpisodicResult,
} from '#memories';
import type { Operation } from '#operations';
import { systemCaller } from './caller.js';
import type { House } from './open-house.js';

/** How a job is run: under which operation, and who hears how far it is. */
export interface JobRun {
  operation?: string;
  dry_run?: boolean;
  report?: (progress: Operation['progress']) => void;
  /** Aborted when it is to stop: it does so after the step that it is at. */
  signal?: AbortSignal;
}

/** After how many days an episode goes into a summary, and after how many what is left of it leaves the lists. */
const SUMMARISE_AFTER_DAYS = 30;
const ARCHIVE_AFTER_DAYS = 180;

/** Daily: finds what repeats or contradicts itself, and flags it. What to do about it, somebody else decides. */
export async function runDuplicateScan(house: House, run: JobRun = {}): Promise<ConsolidationResult> {
  const input = { strategy: 'manual', dry_run: run.dry_run ?? false } as const;
  return consolidate(portsOf(house), callers(run), input, reporting(run));
}

/** Weekly: puts old episodes into summaries, by rule. */
export async function runEpisodicConsolidation(house: House, run: JobRun = {}): Promise<EpisodicResult> {
  const input = { older_than_days: SUMMARISE_AFTER_DAYS, llm: false, dry_run: run.dry_run ?? false };
  return summariseEpisodes(portsOf(house), callers(run), input, reporting(run));
}

/** Monthly: takes episodes that nobody has written for half a year out of lists and searches. */
export async function runArchive(house: House, run: JobRun = {}): Promise<ArchiveResult> {
  const input = {
    memory_type: 'episodic',
    older_than_days: ARCHIVE_AFTER_DAYS,
    dry_run: run.dry_run ?? false,
  } as const;
  return archive(portsOf(house), callers(run), input, reporting(run));
}

const portsOf = ({ auditLog, reads, meaning, chat }: House): ConsolidationPorts => ({
  log: auditLog,
  reads,
  chat,
  model: () => meaning.active(),
});

function callers({ operation = randomUUID() }: JobRun): () => Caller {
  return () => ({ ...systemCaller(), correlation_id: operation });
}

/** Every step reports, so that is where a run is told to stop. */
function reporting({ report, signal }: JobRun): (progress: Operation['progress']) => void {
  return (progress) => {
    signal?.throwIfAborted();
    report?.(progress);
  };
}
