import { below, type JsonObject } from '#kernel';
import { codesOf, cosineOf, type EmbeddingModel } from '#search';
import { and, defineRead, sql } from '#storage';
import {
  CONCURRENT_WITHIN,
  fingerprint,
  sayingOf,
  sessionOf,
  type BucketedFingerprint,
  type FingerprintRow,
} from './fingerprint.js';
import { compare, type Verdict } from './statement.js';

export interface FingerprintsInput {
  /** Whole segments; without it, everything. */
  namespace_prefix?: string;
  model?: EmbeddingModel;
  limit: number;
  /** Where the page before ended. */
  after?: FingerprintCursor;
}

export type FingerprintCursor = [namespace: string, updated_at: string, id: number];

/** Whether the version before was written just before, by somebody else, with another value, and not seen. */
const OVERWROTE = sql`(m.version > 1 AND m.seen_version IS NULL AND m.consolidated_from IS NULL AND EXISTS (
    SELECT 1 FROM memory_entries b
    WHERE b.namespace = m.namespace AND b.key = m.key AND b.version = m.version - 1
      AND b.updated_by <> m.updated_by AND b.value <> m.value
      AND (unixepoch(m.updated_at, 'subsec') - unixepoch(b.updated_at, 'subsec')) * 1000 <= ${CONCURRENT_WITHIN}))`;

/** Memories in lists, in the order of an index: a page costs the same wherever it stands. */
export const fingerprintsPage = defineRead(
  'memories.fingerprints',
  (db, input: FingerprintsInput): { items: BucketedFingerprint[]; next?: FingerprintCursor } => {
    const { namespace_prefix, model, limit, after } = input;
    const conditions = [sql`m.replaced_at IS NULL AND m.is_deleted = 0`];
    conditions.push(sql`m.consolidated_into IS NULL AND m.is_archived = 0 AND m.is_quarantined = 0`);
    if (after !== undefined) {
      const [namespace, updated_at, id] = after;
      conditions.push(sql`(m.namespace, m.updated_at, m.id) > (${namespace}, ${updated_at}, ${id})`);
    }
    if (namespace_prefix !== undefined) {
      const { prefix, from, to } = below(namespace_prefix);
      conditions.push(sql`m.namespace >= ${prefix} AND m.namespace < ${to}`);
      conditions.push(sql`(m.namespace = ${prefix} OR m.namespace >= ${from})`);
    }
    const rows = db.all<FingerprintRow>(
      sql`SELECT m.id, m.namespace, m.key, m.version, m.memory_type, m.value, m.metadata, m.updated_at,
                 ${OVERWROTE} AS overwrote
          FROM memory_entries m INDEXED BY idx_memory_namespace_prefix
          WHERE ${and(conditions)} ORDER BY m.namespace, m.updated_at, m.id LIMIT ${limit}`,
    );
    const owners = ownersOf(
      db.all<{ session_id: string; user_id: string }>(
        sql`SELECT session_id, user_id FROM sessions
            WHERE session_id IN (SELECT value FROM json_each(${JSON.stringify(sessionsOf(rows))}))`,
      ),
    );
    const codes =
      model === undefined
        ? new Map<number, Buffer>()
        : codesOf(
            db,
            model,
            rows.map(({ id }) => id),
          );
    const last = rows.at(-1);
    return {
      items: rows.map((row) => fingerprint(row, owners, codes.get(row.id))),
      next: rows.length === limit ? [last!.namespace, last!.updated_at, last!.id] : undefined,
    };
  },
);

const sessionsOf = (rows: FingerprintRow[]): string[] => [
  ...new Set(rows.flatMap(({ namespace }) => sessionOf(namespace) ?? [])),
];

const ownersOf = (sessions: { session_id: string; user_id: string }[]): Map<string, string> =>
  new Map(sessions.map(({ session_id, user_id }) => [session_id, `user:${user_id}`]));

export interface ComparisonsInput {
  pairs: (readonly [number, number])[];
  model?: EmbeddingModel;
}

/** What pairs of memories have to do with each other, read in full. */
export const comparisons = defineRead(
  'memories.comparisons',
  (db, { pairs, model }: ComparisonsInput): { verdict: Verdict; reason: string }[] => {
    const rows = db.all<{ id: number; value: string }>(
      sql`SELECT id, value FROM memory_entries
          WHERE id IN (SELECT value FROM json_each(${JSON.stringify([...new Set(pairs.flat())])}))`,
    );
    const said = new Map(rows.map(({ id, value }) => [id, sayingOf(JSON.parse(value) as JsonObject)?.statement]));
    return pairs.map(([one, other]) => {
      const [here, there] = [said.get(one), said.get(other)];
      if (here === undefined || there === undefined) return { verdict: 'distinct', reason: 'One says nothing.' };
      return compare(here, there, model === undefined ? 0 : cosineOf(db, model, one, other));
    });
  },
);

export interface Household {
  user_id: string;
  app_name: string;
  project_id: string | null;
}

/** Which apps and projects users work with, by their sessions. */
export const households = defineRead('memories.households', (db, users: string[]): Household[] =>
  db.all<Household>(
    sql`SELECT DISTINCT user_id, app_name, project_id FROM sessions
        WHERE user_id IN (SELECT value FROM json_each(${JSON.stringify(users)}))`,
  ),
);

/** The newest sessions of a user. */
export const sessionsOfUser = defineRead(
  'memories.sessions-of-user',
  (db, { user_id, limit }: { user_id: string; limit: number }): string[] =>
    db
      .all<{ session_id: string }>(
        sql`SELECT session_id FROM sessions WHERE user_id = ${user_id} ORDER BY created_at DESC LIMIT ${limit}`,
      )
      .map(({ session_id }) => session_id),
);

export const fingerprintReads = [fingerprintsPage, comparisons, households, sessionsOfUser];
