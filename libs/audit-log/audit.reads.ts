import { below, decodeCursor, toPage, type JsonObject, type Page } from '#kernel';
import { and, defineRead, sql, type Sql } from '#storage';
import type { Entry } from './entry.js';
import { eventId } from './log-reader.js';
import { commitIdOf } from './log-writer.js';

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

export interface AuditFilter {
  stream?: string;
  type?: string;
  actor?: string;
  agent_id?: string;
  task_id?: string;
  session_id?: string;
  namespace_prefix?: string;
  memory_operation?: string;
  memory_entry_id?: number;
  correlation_id?: string;
  /** Earliest time, inclusive. */
  from?: string;
  /** Latest time, inclusive. */
  to?: string;
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

export const auditEvents = defineRead('audit.events', (db, input: AuditPageInput): Page<AuditEvent> => {
  const { after, order, limit, cursor, ...filter } = input;
  const list = ['audit', order, filter];
  const [last] = decodeCursor<[number]>(list, cursor) ?? [];
  const conditions = filterConditions(filter);
  if (after !== undefined) conditions.push(sql`position > ${after}`);
  if (last !== undefined) conditions.push(order === 'asc' ? sql`position > ${last}` : sql`position < ${last}`);
  const direction: Sql = { text: order === 'asc' ? 'ASC' : 'DESC', params: [] };
  const rows = db.all<Row>(
    sql`SELECT ${columns} FROM audit WHERE ${and(conditions)} ORDER BY position ${direction} LIMIT ${limit + 1}`,
  );
  return toPage(list, rows, limit, ({ position }) => [position], toAuditEvent);
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

/** The last position at or before a moment: how `as_of` a time becomes `as_of` a position. */
export const positionAt = defineRead('audit.position-at', (db, time: string): number => {
  const row = db.one<{ position: number }>(
    sql`SELECT position FROM audit WHERE timestamp <= ${time} ORDER BY timestamp DESC, position DESC LIMIT 1`,
  );
  return row?.position ?? 0;
});

function filterConditions(filter: AuditFilter): Sql[] {
  const { stream, type, actor, agent_id, task_id, session_id, memory_operation, correlation_id } = filter;
  const conditions: Sql[] = [];
  if (stream !== undefined) conditions.push(sql`stream = ${stream}`);
  if (type !== undefined) conditions.push(sql`type = ${type}`);
  if (actor !== undefined) conditions.push(sql`actor = ${actor}`);
  if (agent_id !== undefined) conditions.push(sql`agent_id = ${agent_id}`);
  if (task_id !== undefined) conditions.push(sql`task_id = ${task_id}`);
  if (session_id !== undefined) conditions.push(sql`session_id = ${session_id}`);
  if (memory_operation !== undefined) conditions.push(sql`memory_operation = ${memory_operation}`);
  if (filter.memory_entry_id !== undefined) conditions.push(sql`memory_entry_id = ${filter.memory_entry_id}`);
  if (correlation_id !== undefined) conditions.push(sql`correlation_id = ${correlation_id}`);
  if (filter.from !== undefined) conditions.push(sql`timestamp >= ${filter.from}`);
  if (filter.to !== undefined) conditions.push(sql`timestamp <= ${filter.to}`);
  if (filter.namespace_prefix !== undefined) {
    const { prefix, from, to } = below(filter.namespace_prefix);
    conditions.push(sql`(memory_namespace = ${prefix} OR (memory_namespace >= ${from} AND memory_namespace < ${to}))`);
  }
  return conditions;
}

const toAuditEvent = ({ data, event_id, ...row }: Row): AuditEvent => ({
  ...row,
  event_id: eventId(event_id, row.position),
  data: data === null ? null : (JSON.parse(data) as JsonObject),
});
