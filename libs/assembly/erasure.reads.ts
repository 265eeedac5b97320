import { decodeCursor, notFound, toPage, type Page } from '#kernel';
import { defineRead, sql, type AnyRead } from '#storage';
import type { ErasedRange, RowCounts, SubjectKind } from './erasure.events.js';
import { erasurePlan } from './erasure.plan.js';

export interface Erasure {
  /** Position of the event that ordered it. */
  position: number;
  id: string;
  subject_kind: SubjectKind;
  subject_ref: string;
  reason: string;
  requested_by: string;
  requested_at: string;
  /** Entries of the log. */
  entries: number;
  /** Rows that were found when it was ordered, by table. */
  counts: RowCounts;
  completed_at: string | null;
  /** Rows that were removed. */
  result: RowCounts | null;
}

interface Row extends Omit<Erasure, 'counts' | 'result'> {
  counts: string;
  result: string | null;
}

const columns = sql`id AS position, erasure_id AS id, subject_kind, subject_ref, reason, requested_by, requested_at,
  entries, counts, completed_at, result`;

const toErasure = (row: Row): Erasure => ({
  ...row,
  counts: JSON.parse(row.counts) as RowCounts,
  result: row.result === null ? null : (JSON.parse(row.result) as RowCounts),
});

/** The newest first. */
export const erasuresPage = defineRead(
  'erasures.page',
  (db, { limit, cursor }: { limit: number; cursor?: string }): Page<Erasure> => {
    const [before = Number.MAX_SAFE_INTEGER] = cursor === undefined ? [] : decodeCursor<[number]>(cursor, ['number']);
    const rows = db.all<Row>(
      sql`SELECT ${columns} FROM erasures WHERE id < ${before} ORDER BY id DESC LIMIT ${limit + 1}`,
    );
    return toPage(rows.map(toErasure), limit, ({ position }) => [position]);
  },
);

export const erasureById = defineRead('erasures.by-id', (db, id: string): Erasure => {
  const row = db.one<Row>(sql`SELECT ${columns} FROM erasures WHERE erasure_id = ${id}`);
  if (row === undefined) throw notFound('erasure', id);
  return toErasure(row);
});

/** The last erasure of a subject. */
export const erasureOf = defineRead('erasures.of', (db, subject_ref: string): Erasure | null => {
  const row = db.one<Row>(
    sql`SELECT ${columns} FROM erasures WHERE subject_ref = ${subject_ref} ORDER BY id DESC LIMIT 1`,
  );
  return row === undefined ? null : toErasure(row);
});

/** Those that were ordered and not completed: what a killed process has left, in the order in which they came. */
export const pendingErasures = defineRead('erasures.pending', (db, _: null): Erasure[] =>
  db
    .all<Row>(sql`SELECT ${columns} FROM erasures WHERE completed_at IS NULL ORDER BY id LIMIT 1000`)
    .map(toErasure),
);

/** Which entries it named. */
export const erasedRanges = defineRead('erasures.ranges', (db, position: number): ErasedRange[] =>
  db
    .all<{ first: number; last: number; hash: string }>(
      sql`SELECT first_position AS first, last_position AS last, entry_hash AS hash FROM erasure_ranges
          WHERE erasure = ${position} ORDER BY id`,
    )
    .map(({ first, last, hash }) => [first, last, hash]),
);

export const erasureReads: AnyRead[] = [
  erasurePlan,
  erasuresPage,
  erasureById,
  erasureOf,
  pendingErasures,
  erasedRanges,
];
