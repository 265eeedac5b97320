import { decodeCursor, notFound, toPage, type Page } from '#kernel';
import { defineRead, sql, type Sql } from '#storage';
import type { Principal, Right, Role } from './principal.js';

/** A key as it can be told: never its secret, nor what is kept of it. */
export interface ApiKey {
  /** The id in it: `abk_<environment>_<id>_…`. */
  id: string;
  name: string;
  role: Role;
  app: string | null;
  users: string[];
  projects: Record<string, Right>;
  status: 'active' | 'expired' | 'revoked';
  /** The key that it was rotated from. */
  replaces: string | null;
  created_by: string;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  revoked_by: string | null;
  /** The minute in which it was last shown; `null`: never, as far as this file knows. */
  last_used_at: string | null;
}

interface KeyRow extends Omit<ApiKey, 'users' | 'projects'> {
  position: number;
  users: string;
  projects: string;
}

const columns = (now: string): Sql =>
  sql`id AS position, key_id AS id, name, role, app, users, projects, replaces, created_by, created_at, expires_at, revoked_at,
    revoked_by, (SELECT u.last_used_at FROM api_key_uses u WHERE u.id = api_keys.id) AS last_used_at, CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= ${now} THEN 'expired' ELSE 'active' END AS status`;

/** What is asked at every request: whether a key counts, and what its secret is held against. */
export const keyOf = defineRead(
  'access.key-of',
  (db, { key_id, now }: { key_id: string; now: string }): { id: number; mac: string } | null =>
    db.one<{ id: number; mac: string }>(
      sql`SELECT id, mac FROM api_keys INDEXED BY idx_api_keys_shown
          WHERE key_id = ${key_id} AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ${now})`,
    ) ?? null,
);

/** Who a key speaks for; that never changes. */
export const principalOf = defineRead('access.principal-of', (db, id: number): Principal => {
  const { role, app, users, projects } = db.one<{ role: Role; app: string | null; users: string; projects: string }>(
    sql`SELECT role, app, users, projects FROM api_keys WHERE id = ${id}`,
  )!;
  if (role === 'auditor' || role === 'operator') return { role };
  return { role, app: app!, users: JSON.parse(users) as string[], projects: JSON.parse(projects) as Bounds };
});

type Bounds = Record<string, Right>;

export const keyById = defineRead('access.key', (db, { id, now }: { id: string; now: string }): ApiKey => {
  const row = db.one<KeyRow>(sql`SELECT ${columns(now)} FROM api_keys WHERE key_id = ${id}`);
  if (row === undefined) throw notFound('key', id);
  return toKey(row);
});

/** Keys, the newest first. */
export const keysPage = defineRead(
  'access.keys',
  (db, { now, limit, cursor }: { now: string; limit: number; cursor?: string }): Page<ApiKey> => {
    const [last = Number.MAX_SAFE_INTEGER] = decodeCursor<[number]>(['keys'], cursor) ?? [];
    const rows = db.all<KeyRow>(
      sql`SELECT ${columns(now)} FROM api_keys WHERE id < ${last} ORDER BY id DESC LIMIT ${limit + 1}`,
    );
    return toPage(['keys'], rows, limit, ({ position }) => [position], toKey);
  },
);

/** Whether somebody can come in who may make further keys. */
export const hasOperator = defineRead(
  'access.has-operator',
  (db, now: string): boolean =>
    db.one<{ found: number }>(
      sql`SELECT EXISTS (SELECT 1 FROM api_keys WHERE role = 'operator' AND revoked_at IS NULL
          AND (expires_at IS NULL OR expires_at > ${now})) AS found`,
    )!.found === 1,
);

export const apiKeyReads = [keyOf, principalOf, keyById, keysPage, hasOperator];

const toKey = ({ position: _, users, projects, ...row }: KeyRow): ApiKey => ({
  ...row,
  users: JSON.parse(users) as string[],
  projects: JSON.parse(projects) as Bounds,
});
