import { decideStep } from '#audit-log';
import { DomainError, type Caller } from '#kernel';
import type { ConsolidationPorts, Report } from './consolidation.js';
import { memory } from './memory.decider.js';
import type { MemoryType } from './memory.events.js';
import { oldMemories, type OldMemory } from './set-aside.reads.js';

export interface ArchiveInput {
  namespace_prefix?: string;
  memory_type: MemoryType;
  older_than_days: number;
  dry_run: boolean;
}

export interface ArchiveResult {
  dry_run: boolean;
  archived: number;
  /** Written or deleted while this ran. */
  skipped: number;
  /** The first hundred of them. */
  memories: { namespace: string; key: string; version: number }[];
}

const PAGE = 200;
const MOST_TOLD = 100;

/**
 * Archives what nobody has written for long: it leaves lists and searches, is read by its address and in its history as
 * before, and comes back by a restore or a write.
 */
export async function archive(
  { log, reads }: Pick<ConsolidationPorts, 'log' | 'reads'>,
  caller: () => Caller,
  { older_than_days, dry_run, ...filter }: ArchiveInput,
  report: Report,
): Promise<ArchiveResult> {
  const now = caller().time;
  const before = daysBefore(now, older_than_days);
  const result: ArchiveResult = { dry_run, archived: 0, skipped: 0, memories: [] };
  let page: OldMemory[];
  let after = 0;
  do {
    page = await reads.scan(oldMemories, { ...filter, before, now, after, limit: PAGE });
    for (const { namespace, key, version } of page) {
      try {
        const step = decideStep(memory, { type: 'ArchiveMemory', namespace, key, if_match: version });
        if (!dry_run) await log.execute({ caller: caller(), steps: [step] });
        result.archived += 1;
        if (result.memories.length < MOST_TOLD) result.memories.push({ namespace, key, version });
      } catch (error) {
        if (!(error instanceof DomainError) || error.kind === 'unavailable') throw error;
        result.skipped += 1;
      }
    }
    after = page.at(-1)?.id ?? after;
    const done = result.archived + result.skipped;
    report({ done, total: done + (page.length < PAGE ? 0 : PAGE) });
  } while (page.length === PAGE);
  return result;
}

export const daysBefore = (time: string, days: number): string =>
  new Date(Date.parse(time) - days * 24 * 3600 * 1000).toISOString();
