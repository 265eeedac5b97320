import { decodeCursor, encodeCursor, toPage, type Caller, type JsonObject, type Page } from '#kernel';
import { and, defineRead, sql, type Sql } from '#storage';
import { stretch, type AuditFilter } from './audit.filter.js';
import { headPosition } from './positions.js';
import type { Entry } from './entry.js';
import { eventId } from './log-reader.js';
import { commitIdOf, digest } from './log-writer.js';

/** An entry of the log as auditors see it: `data` as it was written, in the schema version it was written in. */
export interface AuditEvent {
  position: number;
  event_id: string;
  stream: string;
  stream_version: number;
  type: string;
  schema_version: number;
  time: string;
  actor: string;
  agent_id: string | null;
  task_id: string | null;
  session_id: string | null;
  memory_operation: string | null;
  memory_namespace: string | null;
  memory_entry_id: number | null;
  correlation_id: string;
  causation_id: string | null;
  /** `null` when it was erased. */
  data: JsonObject | null;
  leaf_hash: string;
  entry_hash: string;
  /** The predecessor's `entry_hash`; zeros for the first entry. */
  previous_hash: string;
}

export interface AuditPageInput extends AuditFilter {
  after?: number;
  order: 'asc' | 'desc';
  limit: number;
  cursor?: string;
}

type Row = Omit<AuditEvent, 'data' | 'event_id'> & { event_id: string | null; data: string | null };

const columns: Sql = {
  text: `position, event_id, stream, stream_version, type, schema_version, timestamp AS time, actor, agent_id, task_id,
    session_id, memory_operation, memory_namespace, memory_entry_id, correlation_id, causation_id, data,
    lower(hex(leaf_hash)) AS leaf_hash, lower(hex(entry_hash)) AS entry_hash,
    coalesce((SELECT lower(hex(p.entry_hash)) FROM audit p WHERE p.position = audit.position - 1),
             lower(hex(zeroblob(32)))) AS previous_hash`,
  params: [],
};

/**
 * A page of the log. Where no index leads to what the filter asks for, a page may end early, even without an entry: its
 * cursor goes on from where it has looked.
 */
export const auditEvents = defineRead('audit.events', (db, input: AuditPageInput): Page<AuditEvent> => {
  const { after = 0, order, limit, cursor, ...filter } = input;
  const list = ['audit', order, filter];
  const [seen] = decodeCursor<[number]>(list, cursor) ?? [];
  const span =
    order === 'asc'
      ? { after: Math.max(after, seen ?? 0), until: headPosition.run(db, null) }
      : { after, until: Math.min(headPosition.run(db, null), (seen ?? Infinity) - 1) };
  const { conditions, last, ...bounds } = stretch(db, filter, span, order);
  conditions.push(sql`position > ${bounds.after}`, sql`position <= ${bounds.until}`);
  const direction: Sql = { text: order === 'asc' ? 'ASC' : 'DESC', params: [] };
  const rows = db.all<Row>(
    sql`SELECT ${columns} FROM audit WHERE ${and(conditions)} ORDER BY position ${direction} LIMIT ${limit + 1}`,
  );
  const page = toPage(list, rows, limit, ({ position }) => [position], toAuditEvent);
  if (page.next_cursor !== null || last) return page;
  return { ...page, next_cursor: encodeCursor(list, [order === 'asc' ? bounds.until : bounds.after + 1]) };
});

export const auditEvent = defineRead('audit.event', (db, position: number): AuditEvent | undefined => {
  const row = db.one<Row>(sql`SELECT ${columns} FROM audit WHERE position = ${position}`);
  return row && toAuditEvent(row);
});

/** One entry with everything that it is sealed by. */
export const auditEntry = defineRead('audit.entry', (db, position: number): Entry | undefined =>
  db.one(sql`SELECT * FROM audit WHERE position = ${position}`),
);

/** Whether an idempotency key has been answered: then its first answer is given again, whatever has happened since. */
export const wasAnswered = defineRead('audit.was-answered', (db, key: string | undefined): boolean =>
  key === undefined ? false : db.one(sql`SELECT 1 FROM commits WHERE commit_id = ${commitIdOf(key)}`) !== undefined,
);

/** Whether this very request was answered under its key: not another one that the key was used for. */
export const wasAnsweredAlike = defineRead(
  'audit.was-answered-alike',
  (db, { key, fingerprint }: NonNullable<Caller['idempotency']>): boolean =>
    db.one(sql`SELECT 1 FROM commits WHERE commit_id = ${commitIdOf(key)} AND fingerprint = ${digest(fingerprint)}`) !==
    undefined,
);

const toAuditEvent = ({ data, event_id, ...row }: Row): AuditEvent => ({
  ...row,
  event_id: eventId(event_id, row.position),
  data: data === null ? null : (JSON.parse(data) as JsonObject),
});
