import { defineRead, sql, type Database, type Sql } from '#storage';

/** An event that a projection could not digest and left aside. */
export interface ParkedEvent {
  position: number;
  type: string;
  reason: string;
  attempts: number;
  parked_at: string;
}

/** Most that are told at once, and tried again at once. */
const MOST = 1000;

export const parkedEvents = defineRead('projections.parked', (db, name: string): ParkedEvent[] =>
  db.all<ParkedEvent>(
    sql`SELECT p.position, a.type, p.reason, p.attempts, p.parked_at
        FROM parked_events p JOIN audit a ON a.position = p.position
        WHERE p.projection = ${name} ORDER BY p.position LIMIT ${MOST}`,
  ),
);

export const park = (projection: string, position: number, reason: string, time: string): Sql =>
  sql`INSERT INTO parked_events (projection, position, reason, attempts, parked_at)
      VALUES (${projection}, ${position}, ${reason}, 1, ${time})
      ON CONFLICT (projection, position)
      DO UPDATE SET attempts = attempts + 1, reason = excluded.reason, parked_at = excluded.parked_at`;

export const unpark = (projection: string, position: number): Sql =>
  sql`DELETE FROM parked_events WHERE projection = ${projection} AND position = ${position}`;

/** What an event is parked for: the projector's own exception, or a row that a table refuses. Never a disk or a lock. */
export function isEventsFault(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return !(typeof code === 'string' && code.startsWith('SQLITE_')) || /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG)/.test(code);
}

export const reasonOf = (error: unknown): string => (error as Error).message.slice(0, 1000);

/**
 * Does something for each of many, all at once where that goes well. Where it does not, one after the other, and those
 * that fail are told of. Inside a transaction.
 */
export function eachOrAside<T>(
  db: Database,
  items: T[],
  work: (items: T[]) => void,
  aside: (item: T, error: unknown) => void,
): void {
  try {
    return db.savepoint(() => work(items));
  } catch (error) {
    if (!isEventsFault(error)) throw error;
  }
  for (const item of items) {
    try {
      db.savepoint(() => work([item]));
    } catch (error) {
      if (!isEventsFault(error)) throw error;
      aside(item, error);
    }
  }
}
