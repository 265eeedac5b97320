import { join } from 'node:path';
import { directly, decideStep, SqliteAuditLog } from '#audit-log';
import { notFound } from '#kernel';
import { rebuild } from '#projections';
import { Database, migrate, readMigrations, sql, type Synchronous } from '#storage';
import { systemCaller } from '../caller.js';
import { catalog, projectors } from '../features.js';
import { PROJECT_ROOT } from '../project.js';
import { assembleWriter } from '../writer.js';
import { emptyLog, openToErase, purge, redact, scrub, type OnErased } from './erase.js';
import { erasure } from './erasure.decider.js';
import type { ErasedRange, RowCounts, SubjectErased } from './erasure.events.js';
import { ErasureList, readErasures, type ListedErasure } from './erasure.list.js';
import { actorsOf, erasurePlan, hashAt, type ErasurePlan } from './erasure.plan.js';
import { erasedRanges, erasureById, erasureOf, pendingErasures, type Erasure } from './erasure.reads.js';
import { orderOf, reasonOf, refuseMany, refuseShared, subjectOf, type ErasureInput } from './erasure.request.js';

/** A database file that nobody has open. */
export interface QuietFile {
  path: string;
  synchronous?: Synchronous;
}

/**
 * Erases again from a file what a list says: it may be older than what was erased since. Only what speaks of this very log is
 * taken, and only once. Returns what was erased.
 */
export async function eraseAgain(file: QuietFile, list: string, onErased?: OnErased): Promise<Erasure[]> {
  const listed = readErasures(list);
  if (listed.length > 0) {
    await within(file, async (log, db) => {
      const known = new Set(db.all<{ id: string }>(sql`SELECT erasure_id AS id FROM erasures`).map(({ id }) => id));
      for (const one of listed) if (!known.has(one.erasure_id)) await orderAgain(log, db, one);
    });
  }
  return eraseFrom(file, onErased);
}

/** Orders an erasure in a file, and does it. What `decide` is shown and says no to is not done. */
export async function eraseSubject(
  file: QuietFile & { backupDirectory: string },
  input: ErasureInput,
  decide: (plan: ErasurePlan, before: Erasure | null) => Promise<boolean>,
  onErased?: OnErased,
): Promise<Erasure | null> {
  const subject = subjectOf(input);
  reasonOf(input, subject);
  const list = new ErasureList(file.backupDirectory);
  const ordered = await within(file, async (log, db) => {
    const plan = erasurePlan.run(db, subject);
    const before = erasureOf.run(db, plan.subject_ref);
    if (plan.entries === 0 && before === null) throw notFound(subject.kind, subject.id);
    if (!(await decide(plan, before)) || plan.entries === 0) return null;
    refuseShared(plan, input);
    refuseMany(plan);
    list.prepare();
    const data = orderOf(plan, input, { actor: 'operator', time: new Date().toISOString() });
    await log.chore('forget-answers-of', actorsOf(subject));
    await orderErasure(log, data);
    list.add(data);
    return data;
  });
  if (ordered === null) return null;
  await eraseFrom(file, onErased);
  return within(file, async (_, db) => erasureById.run(db, ordered.erasure_id));
}

/** Does what is ordered in a file and not done yet. */
export async function eraseFrom(file: QuietFile, onErased: OnErased = () => undefined): Promise<Erasure[]> {
  const pending = pendingIn(file);
  if (pending.length === 0) return [];
  const removed = new Map<string, RowCounts>();
  const db = openToErase(file);
  try {
    for (const { id, ranges } of pending) {
      const counts: RowCounts = {};
      await redact(db, ranges, counts, onErased);
      removed.set(id, counts);
    }
  } finally {
    db.close();
  }
  await rebuildAll(file);
  const last = openToErase(file);
  try {
    purge(last, removed.get(pending.at(-1)!.id)!);
    scrub(last);
    await emptyLog(last);
  } finally {
    last.close();
  }
  return within(file, async (log, here) => {
    for (const { id } of pending) await completeErasure(log, id, removed.get(id)!);
    here.pragma('wal_checkpoint(TRUNCATE)');
    return pending.map(({ ranges: _, ...one }) => ({ ...one, removed: removed.get(one.id)! }));
  });
}

function pendingIn({ path }: QuietFile): (Erasure & { ranges: ErasedRange[] })[] {
  const db = Database.open({ path, readonly: true });
  try {
    return pendingErasures.run(db, null).map((one) => ({ ...one, ranges: erasedRanges.run(db, one.position) }));
  } finally {
    db.close();
  }
}

/** Orders an erasure: from then on it is done, whatever happens. */
export const orderErasure = (
  log: SqliteAuditLog,
  data: SubjectErased['data'],
  actor = data.requested_by,
): Promise<unknown> =>
  log.execute({
    caller: { ...systemCaller(data.erasure_id), actor },
    steps: [decideStep(erasure, { type: 'EraseSubject', ...data })],
  });

export const completeErasure = (log: SqliteAuditLog, erasure_id: string, result: RowCounts): Promise<unknown> =>
  log.execute({
    caller: systemCaller(erasure_id),
    steps: [decideStep(erasure, { type: 'CompleteErasure', erasure_id, result })],
  });

/** Orders again what is listed, as far as it speaks of this log and its content. */
async function orderAgain(log: SqliteAuditLog, db: Database, listed: ListedErasure): Promise<void> {
  const { position: head } = await log.head();
  const ranges = listed.ranges.flatMap(([first, last, firstHash, lastHash]): ErasedRange[] => {
    if (first > head || hashAt(db, first) !== firstHash) return [];
    if (last <= head && hashAt(db, last) !== lastHash) return [];
    const end = Math.min(last, head);
    return [[first, end, firstHash, hashAt(db, end)!]];
  });
  if (ranges.length === 0) return;
  const entries = ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  await orderErasure(log, { ...listed, ranges, entries }, 'system');
}

async function rebuildAll({ path, synchronous = 'FULL' }: QuietFile): Promise<void> {
  await rebuild({
    path,
    synchronous,
    catalog,
    projectors,
    prepare: (scratch) => void migrate(scratch, readMigrations(join(PROJECT_ROOT, 'migrations'))),
    compareOnly: false,
    onProgress: () => undefined,
    alone: async (work) => work(),
  });
}

/** A writer of its own on the file, for as long as the work takes. */
async function within<T>(
  { path, synchronous = 'FULL' }: QuietFile,
  work: (log: SqliteAuditLog, db: Database) => Promise<T>,
): Promise<T> {
  const db = Database.open({ path, synchronous });
  try {
    const log = new SqliteAuditLog(db, catalog, directly(assembleWriter(db)));
    return await work(log, db);
  } finally {
    db.close();
  }
}
