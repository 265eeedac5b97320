import { Database, sql } from '#storage';
import type { Contents } from './inspect.js';

/** What the living database has that the one to come has not. */
export interface Loss {
  /** `unknown`: it cannot be read. `none`: there is no database there. */
  database: 'readable' | 'unknown' | 'none';
  /** Both logs agree up to the shorter one's end; else they have been written by different databases. */
  same_history: boolean;
  events: number;
  first?: { position: number; time: string };
  last?: { position: number; time: string };
  by_type: Record<string, number>;
}

const NOTHING = { same_history: true, events: 0, by_type: {} };

/** What is lost when the database at `path` is replaced by one whose log ends at `head`. */
export function lossOf(path: string, exists: boolean, head: Contents['log'], copy: Database): Loss {
  if (!exists) return { database: 'none', ...NOTHING };
  let live: Database | undefined;
  try {
    live = Database.open({ path, readonly: true });
    return compare(live, head, copy);
  } catch {
    return { database: 'unknown', ...NOTHING };
  } finally {
    live?.close();
  }
}

function compare(live: Database, head: Contents['log'], copy: Database): Loss {
  const types = live.all<{ type: string; count: number }>(
    sql`SELECT type, count(*) AS count FROM audit WHERE position > ${head.position} GROUP BY type ORDER BY count DESC, type`,
  );
  const last = live.one<{ position: number; time: string }>(
    sql`SELECT position, timestamp AS time FROM audit ORDER BY position DESC LIMIT 1`,
  );
  const first = live.one<{ position: number; time: string }>(
    sql`SELECT position, timestamp AS time FROM audit WHERE position > ${head.position} ORDER BY position LIMIT 1`,
  );
  const common = Math.min(head.position, last?.position ?? 0);
  const hash = (db: Database): string | undefined =>
    db.one<{ hash: string }>(sql`SELECT hex(entry_hash) AS hash FROM audit WHERE position = ${common}`)?.hash;
  return {
    database: 'readable',
    same_history: hash(live) === hash(copy),
    events: types.reduce((sum, { count }) => sum + count, 0),
    ...(first !== undefined && { first, last }),
    by_type: Object.fromEntries(types.map(({ type, count }) => [type, count])),
  };
}
