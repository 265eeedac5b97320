import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddingModel } from '#search';
import type { ReadSide } from '#storage';
import { conflictIdOf } from './conflict-id.js';
import type { ConflictKind } from './conflict.events.js';
import { CONCURRENT_WITHIN, type BucketedFingerprint, type Fingerprint } from './fingerprint.js';
import {
  comparisons,
  fingerprintsPage,
  households,
  sessionsOfUser,
  type FingerprintCursor,
} from './fingerprint.reads.js';
import type { MemoryRef } from './memory.events.js';

/** Memories that have something against each other. */
export interface FoundConflict {
  conflict_id: string;
  kind: ConflictKind;
  namespace: string;
  /** In no order yet: who is newest, the memories themselves tell. */
  members: MemoryRef[];
  reason: string;
  /** It may be settled without asking: what is merely alike, and what is not one owner's, may not. */
  certain: boolean;
}

export interface ConflictScan {
  scanned: number;
  conflicts: FoundConflict[];
  /** There is more than one scan looks at, or more than it reports. */
  truncated: boolean;
}

/** Memories on a page, and at most in one scan. */
const PAGE = 100;
const MOST_MEMORIES = 500_000;
/** Most conflicts of a scan: whoever has more has them reported the next time. */
const MOST_CONFLICTS = 2_000;
/** Pairs that are read in full, and how many of them at once. */
const MOST_PAIRS = 20_000;
const PAIRS_AT_ONCE = 100;
/** How many of those in a bucket a memory is held against. */
const NEIGHBOURS = 4;
const MOST_SESSIONS = 1_000;

/**
 * Looks for conflicts, page by page on the readers, and rests between them: writes go on beside it. What it
 * finds may have changed when it is acted upon; whoever acts says which versions were found.
 */
export async function scanConflicts(
  reads: ReadSide,
  { namespace_prefix, model }: { namespace_prefix?: string; model?: EmbeddingModel },
  report: (scanned: number) => void = () => undefined,
): Promise<ConflictScan> {
  const finder = new Finder();
  let truncated = false;
  for (const prefix of await prefixesOf(reads, namespace_prefix)) {
    let after: FingerprintCursor | undefined;
    do {
      const begin = performance.now();
      const page = await reads.scan(fingerprintsPage, { namespace_prefix: prefix, model, limit: PAGE, after });
      for (const item of page.items) finder.add(item);
      after = page.next;
      truncated ||= after !== undefined && finder.scanned >= MOST_MEMORIES;
      report(finder.scanned);
      await rest(begin);
    } while (after !== undefined && !truncated);
  }
  const all = [
    ...finder.concurrent(),
    ...finder.duplicates(),
    ...finder.sameKeys(),
    ...(await sharedKeys(reads, finder)),
    ...(await alike(reads, finder, model)),
  ];
  // Apps and projects were looked at for what a user has against them, not for what they have against themselves.
  const conflicts = isUser(namespace_prefix) ? all.filter(({ namespace }) => namespace === namespace_prefix) : all;
  return {
    scanned: finder.scanned,
    conflicts: conflicts.slice(0, MOST_CONFLICTS),
    truncated: truncated || conflicts.length > MOST_CONFLICTS,
  };
}

/** Leaves the processors to whoever writes, for a part of the time that a page took. */
const rest = (begin: number): Promise<void> => sleep(Math.min(20, (performance.now() - begin) / 2));

/** What a prefix shows: of a whole user also what this user's sessions hold, and the apps and projects they are in. */
async function prefixesOf(reads: ReadSide, prefix: string | undefined): Promise<(string | undefined)[]> {
  if (!isUser(prefix)) return [prefix];
  const user_id = prefix.slice('user:'.length);
  const sessions = await reads.scan(sessionsOfUser, { user_id, limit: MOST_SESSIONS });
  const shared = await reads.scan(households, [user_id]);
  return [prefix, ...sessions.map((id) => `session:${id}`), ...new Set(shared.flatMap(sharedOf))];
}

const isUser = (prefix: string | undefined): prefix is string => /^user:[^:]+$/.test(prefix ?? '');

const sharedOf = ({ app_name, project_id }: { app_name: string; project_id: string | null }): string[] => [
  `app:${app_name}`,
  ...(project_id === null ? [] : [`project:${project_id}`]),
];

/** One, or several: most stand alone, and a list for each of them would be half of what a scan holds. */
class Groups<K> {
  private readonly one = new Map<K, Fingerprint>();
  private readonly more = new Map<K, Fingerprint[]>();

  /** Adds a memory; answers with those that were there. */
  add(key: K, memory: Fingerprint): readonly Fingerprint[] {
    const first = this.one.get(key);
    if (first === undefined) {
      this.one.set(key, memory);
      return NOBODY;
    }
    const group = this.more.get(key);
    if (group === undefined) {
      this.more.set(key, [first, memory]);
      return [first];
    }
    group.push(memory);
    return group.slice(-NEIGHBOURS - 1, -1);
  }

  get(key: K): readonly Fingerprint[] {
    const first = this.one.get(key);
    return this.more.get(key) ?? (first === undefined ? NOBODY : [first]);
  }

  keys(): MapIterator<K> {
    return this.one.keys();
  }

  /** Those that do not stand alone. */
  several(): MapIterator<Fingerprint[]> {
    return this.more.values();
  }
}

const NOBODY: readonly Fingerprint[] = [];

/** Collects fingerprints, and tells what stands beside what. */
class Finder {
  private readonly seen = new Set<number>();
  private readonly overwrites: Fingerprint[] = [];
  private readonly byForm = new Groups<string>();
  /** Memories by owner, then by key. */
  readonly byKey = new Map<string, Groups<string>>();
  private readonly buckets = new Groups<number>();
  private readonly met = new Map<string, [Fingerprint, Fingerprint]>();

  get scanned(): number {
    return this.seen.size;
  }

  add({ buckets, ...memory }: BucketedFingerprint): void {
    if (this.seen.has(memory.id)) return;
    this.seen.add(memory.id);
    if (memory.overwrote) this.overwrites.push(memory);
    let keys = this.byKey.get(memory.owner);
    if (keys === undefined) this.byKey.set(memory.owner, (keys = new Groups()));
    keys.add(memory.key, memory);
    if (memory.form !== null) this.byForm.add(memory.form, memory);
    for (const bucket of buckets) {
      for (const other of this.buckets.add(bucket, memory)) this.meet(other, memory);
    }
  }

  private meet(one: Fingerprint, other: Fingerprint): void {
    if (one.form === other.form || this.met.size >= MOST_PAIRS || !areSeenTogether([one, other])) return;
    this.met.set(`${one.id} ${other.id}`, [one, other]);
  }

  get pairs(): [Fingerprint, Fingerprint][] {
    return [...this.met.values()];
  }

  concurrent(): FoundConflict[] {
    const within = CONCURRENT_WITHIN / 1000;
    return this.overwrites.map(({ namespace, key, version, owner }) => {
      const members = [version, version - 1].map((v) => ({ namespace, key, version: v }));
      const reason = `Two wrote within ${within} seconds, and the second did not say that it had seen the first.`;
      return found('concurrent_writes', owner, members, { certain: true, reason });
    });
  }

  duplicates(): FoundConflict[] {
    return [...this.byForm.several()]
      .filter(areSeenTogether)
      .map((members) =>
        found('duplicate', members[0]!.owner, seenTogether(members), { certain: true, reason: 'They say the same.' }),
      );
  }

  sameKeys(): FoundConflict[] {
    const groups = [...this.byKey.values()].flatMap((keys) => [...keys.several()]);
    return groups
      .filter((members) => areSeenTogether(members) && !sayTheSame(members))
      .map((members) => {
        const together = seenTogether(members);
        const reason = `${together.length} namespaces hold the key "${members[0]!.key}".`;
        return found('same_key', members[0]!.owner, together, { certain: true, reason });
      });
  }
}

/** Then they are duplicates, whatever they are called. */
const sayTheSame = (members: Fingerprint[]): boolean =>
  members.every(({ form }) => form !== null && form === members[0]!.form);

/** What one session holds, another does not see: sessions have something against each other only by what both see. */
const isPrivate = ({ namespace }: Fingerprint): boolean => namespace.startsWith('session:');

function areSeenTogether(members: Fingerprint[]): boolean {
  if (members.length < 2) return false;
  return members.some((member) => !isPrivate(member)) || new Set(members.map(sessionOf)).size < members.length;
}

/** All that stand beside something lasting; otherwise those of the session that holds most of them. */
function seenTogether(members: Fingerprint[]): Fingerprint[] {
  if (members.some((member) => !isPrivate(member))) return members;
  const groups = Object.values(Object.groupBy(members, sessionOf)).map((group) => group!);
  return groups.toSorted((a, b) => b.length - a.length)[0]!;
}

const sessionOf = ({ namespace }: Fingerprint): string => namespace.split(':')[1]!;

function found(
  kind: ConflictKind,
  namespace: string,
  memories: MemoryRef[],
  { certain, reason }: { certain: boolean; reason: string },
): FoundConflict {
  const members = memories.map((ref) => ({ namespace: ref.namespace, key: ref.key, version: ref.version }));
  return { conflict_id: conflictIdOf(kind, members), kind, namespace, members, reason, certain };
}

/** Keys that a user holds, and an app or project of this user with another value. Nobody settles that for all others. */
async function sharedKeys(reads: ReadSide, { byKey }: Finder): Promise<FoundConflict[]> {
  const shared = [...byKey].filter(([owner]) => /^(?:app|project):/.test(owner));
  const keys = new Set(shared.flatMap(([, held]) => [...held.keys()]));
  const users = [...byKey].filter(
    ([owner, held]) => owner.startsWith('user:') && [...held.keys()].some((key) => keys.has(key)),
  );
  const conflicts: FoundConflict[] = [];
  for (let at = 0; at < users.length && conflicts.length < MOST_CONFLICTS; at += PAGE) {
    const page = users.slice(at, at + PAGE);
    const ids = page.map(([owner]) => owner.slice('user:'.length));
    const roots = Map.groupBy(await reads.scan(households, ids), ({ user_id }) => `user:${user_id}`);
    for (const [owner, held] of page) {
      const around = new Set((roots.get(owner) ?? []).flatMap(sharedOf));
      for (const key of held.keys()) {
        const others = [...around].flatMap((root) => byKey.get(root)?.get(key) ?? NOBODY);
        const own = held.get(key);
        if (!others.some(({ value }) => own.some((mine) => mine.value !== value))) continue;
        const reason = `${owner} and ${[...new Set(others.map((other) => other.owner))].join(', ')} hold the key "${key}".`;
        conflicts.push(found('same_key', owner, [...own, ...others], { certain: false, reason }));
      }
    }
  }
  return conflicts;
}

/** Pairs that may say the same: read in full, some at a time. */
async function alike(reads: ReadSide, { pairs }: Finder, model: EmbeddingModel | undefined): Promise<FoundConflict[]> {
  const conflicts: FoundConflict[] = [];
  for (let at = 0; at < pairs.length && conflicts.length < MOST_CONFLICTS; at += PAIRS_AT_ONCE) {
    const begin = performance.now();
    const page = pairs.slice(at, at + PAIRS_AT_ONCE);
    const verdicts = await reads.scan(comparisons, { pairs: page.map(([a, b]) => [a.id, b.id] as const), model });
    page.forEach((pair, index) => {
      const { verdict, reason } = verdicts[index]!;
      if (verdict === 'unsure')
        conflicts.push(found('near_duplicate', pair[0].owner, pair, { certain: false, reason }));
    });
    await rest(begin);
  }
  return conflicts;
}
