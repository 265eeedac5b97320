import { createHash } from 'node:crypto';
import { and, defineRead, sql, type Sql } from '#storage';
import { stretch, type AuditFilter, type Span } from './audit.filter.js';
import type { Head } from './audit-log.js';
import type { Entry } from './entry.js';

/** First line of an export. */
export interface ExportManifest {
  manifest: {
    format: 'abathur-audit';
    version: 1;
    /** Whether nothing was filtered out: then it is the whole log up to `head`, and a database can be made from it. */
    complete: boolean;
    filter: ExportFilter;
    /** Where the log stood: entries after it are not in the export. */
    head: Head;
  };
}

/** A line for each entry: every column of `audit`, bytes in lower-case hexadecimal. */
export type ExportEntry = Omit<Entry, 'data' | 'timestamp' | ByteColumn> & {
  /** ISO-8601 UTC: the column `timestamp`. */
  time: string;
  /** The stored text is its canonical form (RFC 8785); `null`, with `salt`, when it was erased. */
  data: object | null;
  salt: string | null;
} & Record<Exclude<ByteColumn, 'salt'>, string>;

/** Last line: an export without it was cut off. */
export interface ExportTrailer {
  trailer: {
    entries: number;
    /** Of the last entry in the export; of nothing: 0 and zeros. */
    position: number;
    entry_hash: string;
    /** SHA-256 of all lines before this one, with their line ends. */
    sha256: string;
  };
}

type ByteColumn = 'salt' | 'envelope_commitment' | 'data_commitment' | 'leaf_hash' | 'entry_hash';

export interface ExportFilter extends AuditFilter {
  /** Only entries after this position. */
  after?: number;
}

export interface ExportPageInput extends Span {
  filter: AuditFilter;
}

export interface ExportPage {
  /** Lines, each with its end. */
  text: string;
  entries: number;
  /** The last entry in it. */
  last: { position: number; entry_hash: string } | null;
  /** Where the next page begins; `null`: there is none. */
  next: number | null;
}

/** Most entries and characters of a page: it is held in memory as a whole. */
const PAGE_ENTRIES = 2000;
const PAGE_TEXT = 4_000_000;

// Data is canonical JSON already and goes into the line as it is. The line is put together here, because every column
// that crosses over from SQLite costs.
const line: Sql = {
  text: `json_object('position', position, 'event_id', event_id, 'stream', stream, 'stream_version', stream_version,
    'type', type, 'schema_version', schema_version, 'time', timestamp, 'actor', actor, 'agent_id', agent_id,
    'task_id', task_id, 'session_id', session_id, 'memory_operation', memory_operation,
    'memory_namespace', memory_namespace, 'memory_entry_id', memory_entry_id, 'correlation_id', correlation_id,
    'causation_id', causation_id, 'salt', iif(salt IS NULL, NULL, lower(hex(salt))),
    'envelope_commitment', lower(hex(envelope_commitment)), 'data_commitment', lower(hex(data_commitment)),
    'leaf_hash', lower(hex(leaf_hash)), 'entry_hash', lower(hex(entry_hash)))`,
  params: [],
};

export const auditExportPage = defineRead(
  'audit.export-page',
  (db, { filter, ...span }: ExportPageInput): ExportPage => {
    const { conditions, last: reachesEnd, after, until } = stretch(db, filter, span);
    conditions.push(sql`position > ${after}`, sql`position <= ${until}`);
    const rows = db.iterate<{ position: number; line: string; data: string | null; entry_hash: Buffer }>(
      sql`SELECT position, ${line} AS line, data, entry_hash FROM audit WHERE ${and(conditions)}
          ORDER BY position LIMIT ${PAGE_ENTRIES}`,
    );
    let text = '';
    let entries = 0;
    let last: { position: number; entry_hash: Buffer } | undefined;
    for (const { position, line: envelope, data, entry_hash } of rows) {
      text += `${envelope.slice(0, -1)},"data":${data}}\n`;
      entries += 1;
      last = { position, entry_hash };
      if (text.length > PAGE_TEXT) break;
    }
    const full = entries === PAGE_ENTRIES || text.length > PAGE_TEXT;
    return {
      text,
      entries,
      last: last === undefined ? null : { ...last, entry_hash: Buffer.from(last.entry_hash).toString('hex') },
      next: full ? last!.position : reachesEnd ? null : until,
    };
  },
);

/** The export as chunks of whole lines; the next page is read while the one before goes out. */
export async function* exportLines(
  page: (input: ExportPageInput) => ExportPage | Promise<ExportPage>,
  head: Head,
  { after = 0, ...filter }: ExportFilter,
): AsyncIterable<string> {
  const digest = createHash('sha256');
  const given = JSON.parse(JSON.stringify({ ...filter, ...(after > 0 && { after }) })) as ExportFilter;
  const complete = Object.keys(given).length === 0;
  const manifest: ExportManifest = {
    manifest: { format: 'abathur-audit', version: 1, complete, filter: given, head },
  };
  const first = `${JSON.stringify(manifest)}\n`;
  digest.update(first);
  yield first;
  let entries = 0;
  let last = { position: 0, entry_hash: '0'.repeat(64) };
  let coming: Promise<ExportPage> | undefined = Promise.resolve(page({ filter, after, until: head.position }));
  while (coming !== undefined) {
    const { text, next, ...read }: ExportPage = await coming;
    coming = next === null ? undefined : Promise.resolve(page({ filter, after: next, until: head.position }));
    // Who stops taking lines leaves a page that nobody awaits.
    coming?.catch(() => undefined);
    entries += read.entries;
    last = read.last ?? last;
    digest.update(text);
    if (text !== '') yield text;
  }
  const trailer: ExportTrailer = { trailer: { entries, ...last, sha256: digest.digest('hex') } };
  yield `${JSON.stringify(trailer)}\n`;
}
