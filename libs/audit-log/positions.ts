import { defineRead, sql } from '#storage';

/** Where the log stands: position of its last entry, 0 when it has none. */
export const headPosition = defineRead(
  'audit.head-position',
  (db, _: null): number =>
    db.one<{ position: number }>(sql`SELECT coalesce(max(position), 0) AS position FROM audit`)!.position,
);

/** The last position at or before a moment: how `as_of` a time becomes `as_of` a position. */
export const positionAt = defineRead('audit.position-at', (db, time: string): number => {
  const row = db.one<{ position: number }>(
    sql`SELECT position FROM audit WHERE timestamp <= ${time} ORDER BY timestamp DESC, position DESC LIMIT 1`,
  );
  return row?.position ?? 0;
});

/** How many events a stream has; 0: there never was such a thing. */
export const streamTip = defineRead(
  'audit.stream-tip',
  (db, stream: string): number =>
    db.one<{ version: number }>(
      sql`SELECT coalesce(max(stream_version), 0) AS version FROM audit WHERE stream = ${stream}`,
    )!.version,
);
