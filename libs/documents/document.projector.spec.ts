import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { project } from '#projections';
import { Database, migrate, readMigrations, sql } from '#storage';
import { NOW, recorded } from '../../test/support/given.js';
import { MIGRATIONS } from '../../test/support/house.js';
import type { DocumentEvent, DocumentIndexed } from './document.events.js';
import { documentsProjector } from './document.projector.js';
import { readDocument } from './read-document.js';

const file_path = 'docs/a.md';
const indexed = (
  content: string,
  version = 1,
  document_id: number | null = null,
  data: Partial<DocumentIndexed['data']> = {},
): DocumentEvent => ({
  type: 'DocumentIndexed',
  data: { file_path, version, document_id, origin: 'folder', ...readDocument({ file_path, content }), ...data },
});
const two = (a: string, b: string): string => `# ${a}\n\n${`${a} `.repeat(150)}\n\n# ${b}\n\n${`${b} `.repeat(150)}`;

describe('The projection of documents', () => {
  let db: Database;
  beforeEach(() => {
    db = Database.open({ path: ':memory:' });
    migrate(db, readMigrations(MIGRATIONS));
  });
  afterEach(() => db.close());

  const given = (...events: DocumentEvent[]): void => {
    const log = events.map((event, index) => recorded(event, index + 1));
    for (const statement of project(documentsProjector, log)) db.run(statement);
  };
  const chunks = (): unknown[] =>
    db.all(
      sql`SELECT id, document_id, chunk_index, heading FROM document_chunks WHERE document_id IS NOT NULL ORDER BY id`,
    );
  const matching = (word: string): unknown[] =>
    db
      .all<{ rowid: number }>(
        sql`SELECT w.rowid FROM document_words w JOIN document_chunks c ON c.id = w.rowid
            WHERE document_words MATCH ${word} AND c.document_id IS NOT NULL ORDER BY w.rowid`,
      )
      .map(({ rowid }) => rowid);

  it('R-D1 has a row for a document, named by the position of the event that it began with', () => {
    given(indexed('---\nb: 1\na: 2\n---\n# Title\n'));
    expect(db.one(sql`SELECT * FROM document_index`)).toEqual({
      id: 1,
      file_path,
      version: 1,
      title: 'Title',
      document_type: 'document',
      content_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      size: 26,
      chunk_count: 1,
      metadata: '{"a":2,"b":1}',
      origin: 'folder',
      sync_status: 'indexed',
      failure: null,
      created_at: NOW,
      updated_at: NOW,
    });
  });

  it('R-D2 has its chunks above all ids of memories, and their words', () => {
    given(indexed(two('Red', 'Blue')));
    const first = 2 ** 51 + 4096;
    expect(chunks()).toEqual([
      { id: first, document_id: 1, chunk_index: 0, heading: 'Red' },
      { id: first + 1, document_id: 1, chunk_index: 1, heading: 'Blue' },
    ]);
    expect([matching('blue'), matching('red')]).toEqual([[first + 1], [first, first + 1]]);
  });

  it('R-D1 replaces chunks and words by those of the new content', () => {
    given(indexed(two('Red', 'Blue')), indexed('# Green\n', 2, 1));
    expect(chunks()).toEqual([{ id: 2 ** 51 + 2 * 4096, document_id: 1, chunk_index: 0, heading: 'Green' }]);
    expect([matching('blue'), matching('green')]).toEqual([[], [2 ** 51 + 2 * 4096]]);
    expect(db.one(sql`SELECT id, version, title FROM document_index`)).toEqual({ id: 1, version: 2, title: 'Green' });
  });

  it('R-D1 keeps what was indexed of a file that cannot be read any more, and says why', () => {
    const unreadable: DocumentEvent = {
      type: 'DocumentUnreadable',
      data: { file_path, version: 2, document_id: 1, title: 'a', reason: 'is binary' },
    };
    given(indexed('# Green\n'), unreadable);
    expect(db.one(sql`SELECT version, title, sync_status, failure, chunk_count FROM document_index`)).toEqual({
      version: 2,
      title: 'Green',
      sync_status: 'failed',
      failure: 'is binary',
      chunk_count: 1,
    });
    expect(matching('green')).toHaveLength(1);
  });

  it('R-D3 leaves nothing of a document that was removed, and lets it begin anew', () => {
    const removed: DocumentEvent = { type: 'DocumentRemoved', data: { file_path, version: 2, document_id: 1 } };
    given(indexed(two('Red', 'Blue')), removed);
    expect([chunks(), matching('red'), db.all(sql`SELECT id FROM document_index`)]).toEqual([[], [], []]);
    for (const statement of project(documentsProjector, [recorded(indexed('# Red\n', 3), 9)])) db.run(statement);
    expect(db.all(sql`SELECT id, version FROM document_index`)).toEqual([{ id: 9, version: 3 }]);
  });

  it('R-M8 keeps what it was: each version with its chunks and words, and until when', () => {
    const removed: DocumentEvent = { type: 'DocumentRemoved', data: { file_path, version: 3, document_id: 1 } };
    given(indexed('# Red\n'), indexed('# Green\n', 2, 1), removed);
    expect(db.all(sql`SELECT id, document_id, version, title, to_position FROM document_versions ORDER BY id`)).toEqual(
      [
        { id: 1, document_id: 1, version: 1, title: 'Red', to_position: 2 },
        { id: 2, document_id: 1, version: 2, title: 'Green', to_position: 3 },
      ],
    );
    expect(db.all(sql`SELECT version_id, document_id, heading FROM document_chunks ORDER BY id`)).toEqual([
      { version_id: 1, document_id: null, heading: 'Red' },
      { version_id: 2, document_id: null, heading: 'Green' },
    ]);
    expect(db.all(sql`SELECT rowid FROM document_words WHERE document_words MATCH 'red'`)).toHaveLength(1);
  });

  it('R-S6 refuses two documents at one path, and a type that is none', () => {
    expect(() => given(indexed('a'), indexed('b'))).toThrow(/UNIQUE constraint/);
    expect(() => given(indexed('a', 1, null, { file_path: 'b', document_type: 'novel' as 'plan' }))).toThrow(/CHECK/);
  });
});
