import { namespace, DomainError, type Json, type JsonObject } from '#kernel';
import type { memory } from '#memories';
import { defineRead, sql } from '#storage';

/** A session that ended, and the position of the event that tells so. */
export interface EndedSession {
  position: number;
  session_id: string;
}

/** Entries of the log that one turn looks through. */
const WINDOW = 2_000;

/** Sessions that ended after a position, as far as one turn looks. */
export const endedSessions = defineRead(
  'extraction.ended-sessions',
  (db, after: number): { ended: EndedSession[]; position: number } => {
    const { head } = db.one<{ head: number }>(sql`SELECT coalesce(max(position), 0) AS head FROM audit`)!;
    const position = Math.min(head, after + WINDOW);
    const ended = db.all<EndedSession>(
      sql`SELECT position, session_id FROM audit
          WHERE position > ${after} AND position <= ${position} AND type = 'SessionStatusChanged'
            AND json_extract(data, '$.to') = 'terminated' ORDER BY position`,
    );
    return { ended, position };
  },
);

/** A value that the session gave to a key of its user, and that still held when it ended. */
export interface UserFact {
  key: string;
  value: Json;
  position: number;
}

const MAX_FACTS = 100;

export const userFacts = defineRead(
  'extraction.user-facts',
  (db, { stream, owner, ended }: { stream: string; owner: string; ended: number }): UserFact[] =>
    db
      .all<{ key: string; value: string; position: number }>(
        sql`SELECT s.key, s.value, s.from_position AS position
            FROM scoped_state s JOIN audit a ON a.position = s.from_position
            WHERE s.scope = 'user' AND s.owner = ${owner} AND s.from_position <= ${ended}
              AND (s.to_position IS NULL OR s.to_position > ${ended}) AND +a.stream = ${stream}
            ORDER BY s.from_position LIMIT ${MAX_FACTS}`,
      )
      .map(({ value, ...fact }) => ({ ...fact, value: JSON.parse(value) as Json }))
      .filter(({ value }) => value !== null),
);

type WriteMemory = Extract<Parameters<typeof memory.decide>[0], { type: 'WriteMemory' }>;

/**
 * The memory of a fact; `null` where somebody has written or deleted it since the session ended: what is done in the
 * background does not talk over anybody, and brings nothing back.
 */
export const factOf = defineRead(
  'extraction.fact',
  (db, { ended, ...write }: { ended: number } & Omit<WriteMemory, 'type' | 'mode'>): WriteMemory | null => {
    const { namespace: at, key } = write;
    const newer = db.one(
      sql`SELECT 1 FROM memory_entries WHERE namespace = ${at} AND key = ${key} AND id > ${ended}
          UNION ALL SELECT 1 FROM memory_deletions WHERE namespace = ${at} AND key = ${key} AND id > ${ended} LIMIT 1`,
    );
    return newer === undefined ? { type: 'WriteMemory', mode: 'put', ...write } : null;
  },
);

/** Where memories of a user are; `null` where the user's id is no single segment: they would lie with somebody else's. */
export function namespaceOfUser(userId: string, ...below: string[]): string | null {
  if ([userId, ...below].some((segment) => segment.includes(':'))) return null;
  try {
    return namespace(['user', userId, ...below].join(':'));
  } catch (error) {
    if (error instanceof DomainError) return null;
    throw error;
  }
}

export const extractionReads = [endedSessions, userFacts, factOf];

/** What a fact says, as text that can be found and as the value that it is. */
export const factValue = ({ key, value }: UserFact): JsonObject => ({
  text: `${nameOf(key).replaceAll('_', ' ')}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  value,
});

export const nameOf = (key: string): string => key.slice('user:'.length);
