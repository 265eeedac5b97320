import { decodeCursor, notFound, toPage, type Json, type JsonObject, type Page } from '#kernel';
import { and, compileFilter, defineRead, sql, type Field, type Sql } from '#storage';
import type { DocumentOrigin, DocumentType } from './document.events.js';

export const SYNC_STATUSES = ['pending', 'synced', 'failed', 'stale'] as const;
/**
 * `pending`: some of its chunks have no vector yet. `synced`: all have. `failed`: its file cannot be indexed, or a chunk
 * cannot be embedded; `failure` says why. `stale`: its file was seen to change and was not looked at since.
 */
export type SyncStatus = (typeof SYNC_STATUSES)[number];

export interface Document {
  /** Position of the event that the document began with. */
  id: number;
  file_path: string;
  version: number;
  title: string;
  document_type: DocumentType;
  /** SHA-256 of what is indexed; `null`: nothing is. */
  content_hash: string | null;
  /** Bytes of what is indexed. */
  size: number;
  chunk_count: number;
  sync_status: SyncStatus;
  failure: string | null;
  metadata: JsonObject;
  origin: DocumentOrigin;
  created_at: string;
  updated_at: string;
}

type DocumentRow = Omit<Document, 'metadata'> & { metadata: string };

// Vectors are a cache and changes are bookkeeping: neither is in the log, so the status is told when it is asked for.
const CHUNKS_OF = `document_chunks c JOIN search_entries e ON e.id = c.id`;
const VECTOR = `EXISTS (SELECT 1 FROM embedding_models m CROSS JOIN embedding_codes v
    ON v.id = m.id * 1099511627776 + e.text_id)`;
const PARKED = `FROM ${CHUNKS_OF} CROSS JOIN embedding_models m CROSS JOIN embedding_failures f
    ON f.id = m.id * 1099511627776 + e.text_id WHERE c.document_id = d.id AND NOT ${VECTOR}`;
const STATUS = `CASE
    WHEN d.sync_status = 'failed' THEN 'failed'
    WHEN EXISTS (SELECT 1 FROM document_changes s WHERE s.file_path = d.file_path) THEN 'stale'
    WHEN d.chunk_count = (SELECT count(*) FROM ${CHUNKS_OF} WHERE c.document_id = d.id AND ${VECTOR}) THEN 'synced'
    WHEN EXISTS (SELECT 1 ${PARKED}) THEN 'failed'
    ELSE 'pending' END`;

const columns: Sql = {
  text: `d.id, d.file_path, d.version, d.title, d.document_type, d.content_hash, d.size, d.chunk_count,
    ${STATUS} AS sync_status, coalesce(d.failure, (SELECT f.reason ${PARKED} LIMIT 1)) AS failure, d.metadata, d.origin,
    d.created_at, d.updated_at`,
  params: [],
};

export const documentById = defineRead('documents.by-id', (db, id: number): Document => {
  const row = db.one<DocumentRow>(sql`SELECT ${columns} FROM document_index d WHERE d.id = ${id}`);
  if (row === undefined) throw notFound('document', String(id));
  return toDocument(row);
});

/** Like {@link documentById}, but nothing is an answer, too. */
export const documentAtPath = defineRead('documents.at-path', (db, file_path: string): Document | null => {
  const row = db.one<DocumentRow>(sql`SELECT ${columns} FROM document_index d WHERE d.file_path = ${file_path}`);
  return row === undefined ? null : toDocument(row);
});

export interface DocumentsFilter {
  document_type?: DocumentType;
  /** How paths begin. */
  path_prefix?: string;
  filter?: Json;
}

export interface DocumentsInput extends DocumentsFilter {
  sync_status?: SyncStatus;
  limit: number;
  cursor?: string;
}

/** Documents by filter, newest change first. */
export const documentsPage = defineRead(
  'documents.page',
  (db, { limit, cursor, sync_status, ...filter }: DocumentsInput): Page<Document> => {
    const list = ['documents', sync_status, filter];
    const conditions = documentConditions(filter);
    if (sync_status !== undefined) conditions.push(...hasStatus(sync_status));
    const [time, id] = decodeCursor<[string, number]>(list, cursor) ?? [];
    if (time !== undefined) conditions.push(sql`(d.updated_at, d.id) < (${time}, ${id!})`);
    const rows = db.all<DocumentRow>(
      sql`SELECT ${columns} FROM document_index d WHERE ${and(conditions)}
          ORDER BY d.updated_at DESC, d.id DESC LIMIT ${limit + 1}`,
    );
    return toPage(list, rows, limit, (row) => [row.updated_at, row.id], toDocument);
  },
);

/** What is quickly known narrows first. A chunk that cannot be embedded makes an indexed document fail, too. */
function hasStatus(status: SyncStatus): Sql[] {
  const told = sql`${{ text: STATUS, params: [] }} = ${status}`;
  if (status !== 'failed') return [sql`d.sync_status = 'indexed'`, told];
  return [
    sql`d.id IN (SELECT id FROM document_index WHERE sync_status = 'failed'
                 UNION SELECT c.document_id FROM embedding_failures f
                   JOIN search_entries e ON e.text_id = f.id % 1099511627776 JOIN document_chunks c ON c.id = e.id)`,
    told,
  ];
}

/** The filter of lists and searches, over `document_index d` or `document_versions d`. */
export function documentConditions({ document_type, path_prefix, filter }: DocumentsFilter): Sql[] {
  const conditions: Sql[] = [];
  if (document_type !== undefined) conditions.push(sql`d.document_type = ${document_type}`);
  if (path_prefix !== undefined && path_prefix !== '')
    conditions.push(sql`d.file_path >= ${path_prefix}`, sql`d.file_path < ${`${path_prefix}\u{10FFFF}`}`);
  if (filter !== undefined) conditions.push(compileFilter(filter, documentField, FILTER_FIELDS));
  return conditions;
}

const FILTER_COLUMNS = [
  'file_path',
  'title',
  'document_type',
  'version',
  'content_hash',
  'size',
  'created_at',
  'updated_at',
];
const FILTER_FIELDS = `${FILTER_COLUMNS.join(', ')}, metadata.<path>; any other name is a path into metadata`;

/** A field of a document by the name that a filter gives it. */
export function documentField(name: string): Field | undefined {
  if (FILTER_COLUMNS.includes(name)) return { column: `d.${name}` };
  const path = name.split('.');
  if (path[0] === 'metadata') path.shift();
  const usable = path.length > 0 && path.every((part) => part !== '' && !/["\\]/.test(part) && !part.startsWith('$'));
  return usable && !['id', 'sync_status', 'failure', 'chunk_count', 'origin'].includes(name)
    ? { json: 'd.metadata', path }
    : undefined;
}

/** What is known of a file without looking at it. */
export interface KnownDocument {
  file_path: string;
  content_hash: string | null;
  origin: DocumentOrigin;
  failure: string | null;
}

/** Documents at a path or below it: what a folder is compared with. */
export const documentsBelow = defineRead('documents.below', (db, file_path: string): KnownDocument[] =>
  db.all(
    sql`SELECT file_path, content_hash, origin, failure FROM document_index
        WHERE file_path = ${file_path} OR (file_path >= ${`${file_path}/`} AND file_path < ${`${file_path}0`})`,
  ),
);

/** A document that has this very content: where a file was before it moved. */
export const documentsWithHash = defineRead('documents.with-hash', (db, content_hash: string): KnownDocument[] =>
  db.all(
    sql`SELECT file_path, content_hash, origin, failure FROM document_index WHERE content_hash = ${content_hash} LIMIT 100`,
  ),
);

export const documentReads = [documentById, documentAtPath, documentsPage, documentsBelow, documentsWithHash];

const toDocument = ({ metadata, ...row }: DocumentRow): Document => ({
  ...row,
  metadata: JSON.parse(metadata) as JsonObject,
});
