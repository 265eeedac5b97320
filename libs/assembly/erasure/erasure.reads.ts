import { decodeCursor, notFound, toPage, type Page } from '#kernel';
import { defineRead, sql, type AnyRead } from '#storage';
import type { ErasedRange, RowCounts, SubjectKind } from './erasure.events.js';
import { erasurePlan } from './erasure.plan.js';

export interface Erasure {
  id: string;
  subject_kind: SubjectKind;
  /** A keyed digest of the subject. */
  subject_ref: string;
  reason: string;
  requested_by: string;
  requested_at: string;
  /** Position of the event that ordered it. */
  position: number;
  /** Entries of the log that it took the content of. */
  entries: number;
  /** Rows that were found when it was ordered, by table. */
  counts: RowCounts;
  /** `null`: it is under way. */
  completed_at: string | null;
  /** Position of the event that says so. */
  completed_position: number | null;
  /** Rows that were removed, by table. */
  removed: RowCounts | null;
}

interface Row extends Omit<Erasure, 'counts' | 'removed'> {
  counts: string;
  removed: string | null;
}

const columns = sql`erasure_id AS id, subject_kind, subject_ref, reason, requested_by, requested_at, id AS position,
  entries, counts, completed_at, completed_position, result AS removed`;

const toErasure = ({ counts, removed, ...row }: Row): Erasure => ({
  ...row,
  counts: JSON.parse(counts) as RowCounts,
  removed: removed === null ? null : (JSON.parse(removed) as RowCounts),
});

/** The newest first. */
export const erasuresPage = defineRead(
  'erasures.page',
  (db, { limit, cursor }: { limit: number; cursor?: string }): Page<Erasure> => {
    const [before = Number.MAX_SAFE_INTEGER] = decodeCursor<[number]>('erasures', cursor) ?? [];
    const rows = db.all<Row>(
      sql`SELECT ${columns} FROM erasures e WHERE e.id < ${before} ORDER BY e.id DESC LIMIT ${limit + 1}`,
    );
    return toPage('erasures', rows, limit, ({ position }) => [position], toErasure);
  },
);

export const erasureById = defineRead('erasures.by-id', (db, id: string): Erasure => {
  const row = db.one<Row>(sql`SELECT ${columns} FROM erasures e WHERE e.erasure_id = ${id}`);
  if (row === undefined) throw notFound('erasure', id.slice(0, 100));
  return toErasure(row);
});

/** The last erasure of a subject. */
export const erasureOf = defineRead('erasures.of', (db, subject_ref: string): Erasure | null => {
  const row = db.one<Row>(
    sql`SELECT ${columns} FROM erasures e WHERE e.subject_ref = ${subject_ref} ORDER BY e.id DESC LIMIT 1`,
  );
  return row === undefined ? null : toErasure(row);
});

/** Those that were ordered and not completed: what a killed process has left, in the order in which they came. */
export const pendingErasures = defineRead('erasures.pending', (db, _: null): Erasure[] =>
  db
    .all<Row>(sql`SELECT ${columns} FROM erasures e WHERE e.completed_at IS NULL ORDER BY e.id LIMIT 1000`)
    .map(toErasure),
);

/** Which entries it named. */
export const erasedRanges = defineRead('erasures.ranges', (db, position: number): ErasedRange[] =>
  db
    .all<{ first: number; last: number; first_hash: string; last_hash: string }>(
      sql`SELECT first_position AS first, last_position AS last, first_hash, last_hash FROM erasure_ranges
          WHERE erasure = ${position} ORDER BY id`,
    )
    .map(({ first, last, first_hash, last_hash }) => [first, last, first_hash, last_hash]),
);

export const erasureReads: AnyRead[] = [
  erasurePlan,
  erasuresPage,
  erasureById,
  erasureOf,
  pendingErasures,
  erasedRanges,
];
