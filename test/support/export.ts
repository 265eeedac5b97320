import { createHash } from 'node:crypto';
import { sql, type Database } from '#storage';

/** The lines of an export of the whole log, each with its end, as the page on the architecture describes them. */
export function exportOf(db: Database): string[] {
  const rows = db.all<Record<string, unknown> & { data: string | null; timestamp: string; position: number }>(
    sql`SELECT * FROM audit ORDER BY position`,
  );
  const hex = (value: unknown): unknown => (Buffer.isBuffer(value) ? value.toString('hex') : value);
  const entries = rows.map(({ data, timestamp, ...row }) => {
    const envelope = Object.fromEntries(Object.entries({ ...row, time: timestamp }).map(([k, v]) => [k, hex(v)]));
    return { envelope, text: `${JSON.stringify(envelope).slice(0, -1)},"data":${data}}\n` };
  });
  const { position, entry_hash, time } = (entries.at(-1)?.envelope ?? {
    position: 0,
    entry_hash: '0'.repeat(64),
    time: null,
  }) as { position: number; entry_hash: string; time: string | null };
  const manifest = {
    format: 'abathur-audit',
    version: 1,
    complete: true,
    filter: {},
    head: { position, entry_hash, time },
  };
  const lines = [`${JSON.stringify({ manifest })}\n`, ...entries.map(({ text }) => text)];
  return [...lines, trailerOf(lines, { entries: entries.length, position, entry_hash })];
}

export function trailerOf(lines: string[], last: { entries: number; position: number; entry_hash: string }): string {
  const sha256 = createHash('sha256').update(lines.join('')).digest('hex');
  return `${JSON.stringify({ trailer: { ...last, sha256 } })}\n`;
}
