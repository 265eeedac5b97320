import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { decideStep, type SqliteAuditLog, type Step } from '#audit-log';
import { DomainError, type Caller, type JsonObject } from '#kernel';
import type { Chat, EmbeddingModel } from '#search';
import type { ReadSide } from '#storage';
import { arbitrate } from './arbiter.js';
import { conflict } from './conflict.decider.js';
import type { ConflictKind, Resolution, Strategy } from './conflict.events.js';
import { settledConflicts, outdatedConflicts } from './conflict.reads.js';
import { scanConflicts, type FoundConflict } from './conflict-scan.js';
import { memory, type MemoryCommand } from './memory.decider.js';
import type { MemoryRef } from './memory.events.js';
import { AS_WRITTEN, memoryAt, memoryIfAny } from './memory.reads.js';
import type { Memory } from './memory.row.js';
import { newestFirst, settle, type Settlement } from './settlement.js';

/** What consolidation works with. */
export interface ConsolidationPorts {
  log: SqliteAuditLog;
  reads: ReadSide;
  /** Whose vectors are there. */
  model(): EmbeddingModel | undefined;
  chat: Chat;
}

export type Report = (progress: { done: number; total: number }) => void;

export interface ConsolidationInput {
  /** Whole segments; without it, everything. */
  namespace_prefix?: string;
  strategy: Strategy;
  dry_run: boolean;
}

/** What was, or would be, done about a conflict. */
export type Outcome = 'consolidated' | 'kept' | 'flagged' | 'skipped' | 'ask_model';

export interface ConsolidatedGroup {
  conflict_id: string;
  kind: ConflictKind;
  members: MemoryRef[];
  reason: string;
  outcome: Outcome;
  /** The version that says it now, or would. */
  into: MemoryRef | null;
  /** With `dry_run`: what that version would hold. */
  value?: JsonObject;
  /** Why it was skipped, or has to be looked at. */
  because?: string;
}

export interface ConsolidationResult {
  dry_run: boolean;
  scanned: number;
  found: number;
  consolidated: number;
  kept: number;
  flagged: number;
  skipped: number;
  /** Conflicts that were open and are none any more. */
  outdated: number;
  /** There was more than one run looks at: run it again. */
  truncated: boolean;
  /** The first hundred. */
  groups: ConsolidatedGroup[];
}

const MOST_GROUPS_TOLD = 100;
/** Groups between which others on this thread have their turn. */
const GROUPS_AT_ONCE = 10;
const MOST_OUTDATED = 1_000;

/**
 * Looks for conflicts and settles each by the strategy, as one transaction that holds only if every member is still what
 * was found. What is merely alike, and what belongs to others as well, is only flagged. `caller` gives a fresh caller
 * with the operation's id as correlation id each time, so that the run can be followed and reverted as one.
 */
export async function consolidate(
  ports: ConsolidationPorts,
  caller: () => Caller,
  { namespace_prefix, strategy, dry_run }: ConsolidationInput,
  report: Report,
): Promise<ConsolidationResult> {
  const { reads } = ports;
  const outdated = dry_run ? 0 : await closeOutdated(ports, caller, namespace_prefix);
  const scan = await scanConflicts(reads, { namespace_prefix, model: trainedOnly(ports.model()) }, (scanned) =>
    report({ done: 0, total: scanned }),
  );
  const fresh = await withoutSettled(reads, scan.conflicts);
  const result: ConsolidationResult = {
    dry_run,
    scanned: scan.scanned,
    found: fresh.length,
    consolidated: 0,
    kept: 0,
    flagged: 0,
    skipped: 0,
    outdated,
    truncated: scan.truncated,
    groups: [],
  };
  const taken = new Set<string>();
  for (const [index, found] of fresh.entries()) {
    const group = await settleFound(ports, caller, found, strategy, dry_run, taken);
    if (group.outcome === 'consolidated')
      for (const { namespace, key } of found.members) taken.add(`${namespace} ${key}`);
    if (group.outcome !== 'ask_model') result[group.outcome] += 1;
    if (result.groups.length < MOST_GROUPS_TOLD) result.groups.push(group);
    report({ done: index + 1, total: fresh.length });
    // A dry run waits for nothing by itself.
    if (index % GROUPS_AT_ONCE === 0) await yieldToOthers();
  }
  return result;
}

/** The built-in embedder knows words alone, and those are compared already. */
const trainedOnly = (model: EmbeddingModel | undefined): EmbeddingModel | undefined =>
  model?.name.startsWith('abathur-local') ? undefined : model;

async function withoutSettled(reads: ReadSide, conflicts: FoundConflict[]): Promise<FoundConflict[]> {
  const ids = conflicts.map(({ conflict_id }) => conflict_id);
  const settled = new Set(await reads.scan(settledConflicts, ids));
  return conflicts.filter(({ conflict_id }) => !settled.has(conflict_id));
}

async function closeOutdated(
  { log, reads }: ConsolidationPorts,
  caller: () => Caller,
  namespace_prefix: string | undefined,
): Promise<number> {
  const outdated = await reads.scan(outdatedConflicts, { namespace_prefix, limit: MOST_OUTDATED });
  for (const { id, members } of outdated) {
    const steps = [...reviewed(id, members), resolved(id, 'outdated', null)];
    await log.execute({ caller: caller(), steps }).catch(unlessSettled);
  }
  return outdated.length;
}

/** Somebody else was quicker: that is as good. */
function unlessSettled(error: unknown): void {
  if (!(error instanceof DomainError && error.code === 'conflict-resolved')) throw error;
}

async function settleFound(
  ports: ConsolidationPorts,
  caller: () => Caller,
  found: FoundConflict,
  strategy: Strategy,
  dryRun: boolean,
  taken: ReadonlySet<string>,
): Promise<ConsolidatedGroup> {
  const { conflict_id, kind, reason, certain } = found;
  const group = { conflict_id, kind, reason, members: found.members, into: null };
  if (found.members.some(({ namespace, key }) => taken.has(`${namespace} ${key}`)))
    return { ...group, outcome: 'skipped', because: 'A memory of it went into another one in this run.' };
  try {
    const members = membersOf(ports.reads, found.members);
    const refs = members.map(refOf);
    const flag = async (because: string): Promise<ConsolidatedGroup> => {
      if (!dryRun) await ports.log.execute({ caller: caller(), steps: flagged({ ...found, members: refs }) });
      return { ...group, members: refs, outcome: 'flagged', because };
    };
    if (strategy === 'manual') return await flag('It is for somebody to look at.');
    if (isSharedByOthers(members)) return await flag('It belongs to others as well.');
    if (strategy === 'llm') {
      if (dryRun) return { ...group, members: refs, outcome: 'ask_model' };
      return await byModel(ports, caller, { ...found, members: refs }, members, flag);
    }
    if (!certain) return await flag('They are alike, but need not say the same.');
    const settlement = settle(members, strategy);
    const plan = planOf({ ...found, members: refs }, members, settlement, strategy);
    if (!dryRun) await ports.log.execute({ caller: caller(), steps: plan.steps });
    const value = dryRun ? { value: settlement.content.value } : {};
    return { ...group, members: refs, outcome: plan.writes ? 'consolidated' : 'kept', into: plan.into, ...value };
  } catch (error) {
    if (!isOvertaken(error)) throw error;
    return { ...group, outcome: 'skipped', because: error.message };
  }
}

async function byModel(
  { chat, log }: ConsolidationPorts,
  caller: () => Caller,
  found: FoundConflict,
  members: Memory[],
  flag: (because: string) => Promise<ConsolidatedGroup>,
): Promise<ConsolidatedGroup> {
  const { conflict_id, kind, reason, members: refs } = found;
  const group = { conflict_id, kind, reason, members: refs };
  let arbitration;
  try {
    arbitration = await arbitrate(chat, members);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return flag(error.message);
  }
  if (!arbitration.same) {
    const steps = [reported(found), resolved(conflict_id, 'llm', null), ...reviewed(conflict_id, refs)];
    await log.execute({ caller: caller(), steps });
    return { ...group, outcome: 'kept', into: null, because: arbitration.reason };
  }
  const plan = planOf(found, members, settle(members, arbitration), 'llm');
  await log.execute({ caller: caller(), steps: plan.steps });
  return { ...group, outcome: 'consolidated', into: plan.into };
}

/** Somebody changed, deleted or consolidated a member between the scan and the write. */
const isOvertaken = (error: unknown): error is DomainError =>
  error instanceof DomainError && ['version-conflict', 'conflict', 'not-found'].includes(error.kind);

const isSharedByOthers = (members: Memory[]): boolean => {
  const scopes = new Set(members.map(({ namespace }) => namespace.split(':')[0]!));
  return (scopes.has('app') || scopes.has('project')) && (scopes.has('user') || scopes.has('session'));
};

/** The members as they were found; newest first. Of concurrent writes, the older is a version that was written over. */
export const membersOf = (reads: ReadSide, refs: MemoryRef[]): Memory[] =>
  newestFirst(refs.map((ref) => reads.point(memoryAt, { ...ref, now: AS_WRITTEN })));

export const refOf = ({ namespace, key, version }: MemoryRef): MemoryRef => ({ namespace, key, version });

interface Plan {
  steps: Step[];
  into: MemoryRef;
  /** Whether a version is made. */
  writes: boolean;
}

/** The steps that settle a conflict: all of them, or none. */
export function planOf(
  { conflict_id, ...found }: FoundConflict,
  members: Memory[],
  { target, content, expires_at }: Settlement,
  strategy: Strategy,
): Plan {
  const from = members.map(refOf);
  const about = { namespace: target.namespace, key: target.key };
  // Of two writes to one memory, the last is what the memory says already.
  const writes = !(found.kind === 'concurrent_writes' && strategy === 'last_write_wins');
  const into = { ...about, version: target.version + (writes ? 1 : 0) };
  const others = members.filter(({ namespace, key }) => namespace !== target.namespace || key !== target.key);
  const steps = [
    reported({ conflict_id, ...found }),
    ...(writes
      ? [decide({ type: 'ConsolidateMemory', ...about, if_match: target.version, content, expires_at, from })]
      : []),
    ...others.map(({ namespace, key, version }) =>
      decide({ type: 'SupersedeMemory', namespace, key, if_match: version, into }),
    ),
    ...reviewed(conflict_id, from),
    resolved(conflict_id, strategy, into),
  ];
  return { steps, into, writes };
}

const decide = (command: MemoryCommand): Step => decideStep(memory, command);

export const reported = ({ certain: _, ...data }: FoundConflict): Step =>
  decideStep(conflict, { type: 'ReportConflict', ...data });

export const resolved = (conflict_id: string, strategy: Resolution, result: MemoryRef | null): Step =>
  decideStep(conflict, { type: 'ResolveConflict', conflict_id, strategy, result });

/** Takes the flag of a conflict off its members. */
export const reviewed = (conflict_id: string, members: MemoryRef[]): Step[] =>
  addresses(members).map((address) => decide({ type: 'ReviewMemory', ...address, conflict_id }));

/** Reports a conflict and flags its members, as they were found. */
function flagged(found: FoundConflict): Step[] {
  const newest = addresses(found.members).map((address) =>
    found.members.find(({ namespace, key }) => namespace === address.namespace && key === address.key)!,
  );
  return [
    reported(found),
    ...newest.map(({ namespace, key, version }) =>
      decide({ type: 'FlagMemory', namespace, key, if_match: version, conflict_id: found.conflict_id }),
    ),
  ];
}

const addresses = (members: MemoryRef[]): { namespace: string; key: string }[] => [
  ...new Map(members.map(({ namespace, key }) => [`${namespace} ${key}`, { namespace, key }])).values(),
];

/** Whether something stands at an address now, for those who need a free one. */
export const isFree = (reads: ReadSide, address: { namespace: string; key: string }): boolean =>
  reads.point(memoryIfAny, { ...address, now: AS_WRITTEN }) === null;
