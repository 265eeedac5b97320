import type { Json } from '#kernel';
import { halved, searchTexts, termOf, wordsOf, type Corpus, type Found, type TextQuery } from '#search';
import { and, defineRead, sql, type Reader, type Sql } from '#storage';
import type { DocumentType } from './document.events.js';
import { documentConditions } from './document.reads.js';
import { chunkText, documentWords } from './document.searchable.js';

export interface DocumentSearchInput extends TextQuery {
  document_type?: DocumentType;
  path_prefix?: string;
  filter?: Json;
  /** Log position at which documents are searched; left out, now. */
  as_of?: number;
}

export interface DocumentHit {
  /** Id of the chunk. */
  id: number;
  /** Of a document that may have gone since, when the past was searched. */
  document_id: number;
  file_path: string;
  title: string;
  document_type: DocumentType;
  chunk_index: number;
  heading: string;
  /** Part of the chunk around the first word that was asked for. */
  snippet: string;
  /** 0..1, higher is better. */
  score: number;
  score_details: Found['details'];
}

export const DOCUMENT_WORDS = { words: 'document_words', vocabulary: 'document_vocabulary' };

/** Chunks of documents by meaning and by words, best first. */
export const searchDocuments = defineRead('documents.search', (db, input: DocumentSearchInput): DocumentHit[] => {
  const { document_type, path_prefix, filter, as_of, ...query } = input;
  const found = searchTexts(db, documentCorpus(db, { document_type, path_prefix, filter, as_of }), query);
  const chunks = new Map(
    db
      .all<Omit<DocumentHit, 'snippet' | 'score' | 'score_details'> & { text: string }>(
        sql`SELECT c.id, d.document_id, d.file_path, d.title, d.document_type, c.chunk_index, c.heading, c.text
            FROM document_chunks c JOIN document_versions d ON d.id = c.version_id
            WHERE c.id IN (SELECT value FROM json_each(${JSON.stringify(found.map(({ id }) => id))}))`,
      )
      .map((chunk) => [chunk.id, chunk]),
  );
  return found.map(({ id, score, details }) => {
    const { text, ...chunk } = chunks.get(id)!;
    return { ...chunk, snippet: snippetOf(text, details.matched), score, score_details: details };
  });
});

/** The same, with words and meaning side by side where that is worth it. */
export const documentSearch = halved(searchDocuments, (db, input: DocumentSearchInput) => documentCorpus(db, input));

type Filter = Pick<DocumentSearchInput, 'document_type' | 'path_prefix' | 'filter' | 'as_of'>;

function documentCorpus(db: Reader, { as_of, ...filter }: Filter): Corpus {
  const conditions = documentConditions(filter);
  const where = as_of === undefined ? current(conditions) : asOf(as_of, conditions);
  return {
    ...DOCUMENT_WORDS,
    table: 'document_chunks c',
    row: 'c',
    where,
    entries: sql`e.source = 'document'`,
    narrowed: false,
    ranges: [],
    needsRow: conditions.length > 0,
    past: as_of !== undefined,
    texts: (ids) => {
      const rows = db.all<{ id: number; heading: string; text: string; title: string; metadata: string }>(
        sql`SELECT c.id, c.heading, c.text, o.title, o.metadata
            FROM document_chunks c JOIN document_versions o ON o.id = c.version_id
            WHERE c.id IN (SELECT value FROM json_each(${JSON.stringify(ids)})) AND ${where}`,
      );
      return new Map(
        rows.map(({ id, title, metadata, ...chunk }) => [
          id,
          { text: chunkText(chunk), metadata: documentWords(title, JSON.parse(metadata)) },
        ]),
      );
    },
  };
}

const current = (conditions: Sql[]): Sql =>
  conditions.length === 0
    ? sql`c.document_id IS NOT NULL`
    : sql`c.document_id IN (SELECT d.id FROM document_index d WHERE ${and(conditions)})`;

const asOf = (position: number, conditions: Sql[]): Sql =>
  sql`c.version_id IN (SELECT d.id FROM document_versions d
      WHERE d.id <= ${position} AND (d.to_position IS NULL OR d.to_position > ${position}) AND ${and(conditions)})`;

const SNIPPET = 240;
const BEFORE = 60;

/** Part of a text around the first of these terms, in one line; its beginning where none of them is in it. */
export function snippetOf(text: string, terms: string[]): string {
  const at = terms.length === 0 ? 0 : firstOf(text, new Set(terms));
  let start = at <= BEFORE ? 0 : Math.max(text.lastIndexOf(' ', at - BEFORE), text.lastIndexOf('\n', at - BEFORE), 0);
  if (at - start > 2 * BEFORE) start = at;
  const line = text
    .slice(start, start + SNIPPET)
    .replace(/\s+/g, ' ')
    .trim();
  return `${start > 0 ? '…' : ''}${line}${start + SNIPPET < text.length ? '…' : ''}`.toWellFormed();
}

function firstOf(text: string, terms: ReadonlySet<string>): number {
  for (const { 0: word, index } of text.matchAll(/[\p{L}\p{N}\p{M}]+/gu))
    if (wordsOf(word).some((plain) => terms.has(termOf(plain)))) return index;
  return 0;
}
