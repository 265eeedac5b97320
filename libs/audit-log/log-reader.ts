import type { EventCatalog, JsonObject, Recorded } from '#kernel';
import { sql, type Reader } from '#storage';
import type { Head, StreamSlice } from './audit-log.js';
import { GENESIS } from './entry.js';
import { upcast } from './upcast.js';

interface EventRow {
  position: number;
  event_id: string | null;
  stream: string;
  version: number;
  type: string;
  schema_version: number;
  time: string;
  actor: string;
  correlation_id: string;
  data: string | null;
}

/** What an entry replays to whose content was erased. */
export const ERASED = 'Erased';

/** Where an event has no id of its client's, its position is its name. */
export const eventId = (id: string | null, position: number): string => id ?? `pos-${position}`;

/** Reads events from a connection, upcast to today's shapes. */
export class LogReader {
  constructor(
    private readonly db: Reader,
    private readonly catalog: EventCatalog,
  ) {}

  stream(stream: string, { from, asOf, limit = -1, backward = false }: StreamSlice = {}): Recorded[] {
    const until = asOf ?? Number.MAX_SAFE_INTEGER;
    const statement = backward
      ? sql`SELECT position, event_id, stream, stream_version AS version, type, schema_version,
                timestamp AS time, actor, correlation_id, data
              FROM audit WHERE stream = ${stream} AND stream_version <= ${from ?? Number.MAX_SAFE_INTEGER}
              AND position <= ${until} ORDER BY stream_version DESC LIMIT ${limit}`
      : sql`SELECT position, event_id, stream, stream_version AS version, type, schema_version,
                timestamp AS time, actor, correlation_id, data
              FROM audit WHERE stream = ${stream} AND stream_version >= ${from ?? 0}
              AND position <= ${until} ORDER BY stream_version LIMIT ${limit}`;
    return this.db.all<EventRow>(statement).map((row) => this.recorded(row));
  }

  all(after: number, limit: number): Recorded[] {
    return this.db
      .all<EventRow>(
        sql`SELECT position, event_id, stream, stream_version AS version, type, schema_version,
                timestamp AS time, actor, correlation_id, data
              FROM audit WHERE position > ${after} ORDER BY position LIMIT ${limit}`,
      )
      .map((row) => this.recorded(row));
  }

  /** Events under a correlation id, in order. */
  correlated(correlationId: string, limit: number, type?: string): Recorded[] {
    const ofType = type === undefined ? sql`1` : sql`type = ${type}`;
    return this.db
      .all<EventRow>(
        sql`SELECT position, event_id, stream, stream_version AS version, type, schema_version,
                timestamp AS time, actor, correlation_id, data
              FROM audit WHERE correlation_id = ${correlationId} AND ${ofType} ORDER BY position LIMIT ${limit}`,
      )
      .map((row) => this.recorded(row));
  }

  head(): Head {
    const row = this.db.one<{ position: number; entry_hash: Buffer; time: string }>(
      sql`SELECT position, entry_hash, timestamp AS time FROM audit ORDER BY position DESC LIMIT 1`,
    );
    if (row === undefined) return { position: 0, entry_hash: GENESIS.toString('hex'), time: null };
    return { ...row, entry_hash: Buffer.from(row.entry_hash).toString('hex') };
  }

  private recorded({ schema_version, data, event_id, ...row }: EventRow): Recorded {
    // It keeps its place, so that positions stay dense, and tells nothing: no projector and no decider knows the type.
    if (data === null) return { ...row, type: ERASED, event_id: eventId(null, row.position), size: 0, data: {} };
    const content = JSON.parse(data) as JsonObject;
    return {
      ...row,
      event_id: eventId(event_id, row.position),
      size: data.length,
      data: upcast(this.catalog, row.type, schema_version, content, row.time),
    };
  }
}
