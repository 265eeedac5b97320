import { canonicalJson } from '#kernel';
import { projector } from '#projections';
import { sql, type Sql } from '#storage';
import type { DocumentEvent } from './document.events.js';
import { chunksOf, chunkText, documentWords } from './document.searchable.js';

/** Tables `document_index`, of what documents are now, and of all that they have been, `document_versions`, chunks and words. */
export const documentsProjector = projector<DocumentEvent>('documents', {
  mode: 'inline',
  tables: ['document_index', 'document_versions', 'document_chunks', 'document_words'],
  on: {
    DocumentIndexed: (event) => {
      const { data, position, time } = event;
      const { version, title, document_type, content_hash, size, origin, cuts } = data;
      const id = data.document_id ?? position;
      const metadata = canonicalJson(data.metadata);
      const words = documentWords(title, data.metadata);
      return [
        ...(data.document_id === null ? [] : noLongerCurrent(id, position)),
        sql`INSERT INTO document_index (id, file_path, version, title, document_type, content_hash, size, chunk_count,
              metadata, origin, sync_status, created_at, updated_at)
            VALUES (${id}, ${data.file_path}, ${version}, ${title}, ${document_type}, ${content_hash}, ${size},
              ${cuts.length}, ${metadata}, ${origin}, 'indexed', ${time}, ${time})
            ON CONFLICT (id) DO UPDATE SET version = excluded.version, title = excluded.title,
              document_type = excluded.document_type, content_hash = excluded.content_hash, size = excluded.size,
              chunk_count = excluded.chunk_count, metadata = excluded.metadata, origin = excluded.origin,
              sync_status = 'indexed', failure = NULL, updated_at = excluded.updated_at`,
        sql`INSERT INTO document_versions (id, document_id, file_path, version, title, document_type, content_hash, size,
              metadata, created_at, updated_at)
            SELECT ${position}, id, file_path, version, title, document_type, content_hash, size, metadata, created_at,
              updated_at FROM document_index WHERE id = ${id}`,
        ...chunksOf(event).flatMap((chunk) => [
          sql`INSERT INTO document_chunks (id, document_id, version_id, chunk_index, heading, text)
              VALUES (${chunk.id}, ${id}, ${position}, ${chunk.chunk_index}, ${chunk.heading}, ${chunk.text})`,
          sql`INSERT INTO document_words (rowid, text, metadata) VALUES (${chunk.id}, ${chunkText(chunk)}, ${words})`,
        ]),
      ];
    },

    DocumentUnreadable: ({ data: { file_path, version, document_id, title, reason }, position, time }) => [
      sql`INSERT INTO document_index (id, file_path, version, title, document_type, size, chunk_count, metadata, origin,
            sync_status, failure, created_at, updated_at)
          VALUES (${document_id ?? position}, ${file_path}, ${version}, ${title}, 'document', 0, 0, '{}', 'folder',
            'failed', ${reason}, ${time}, ${time})
          ON CONFLICT (id) DO UPDATE SET version = excluded.version, sync_status = 'failed', failure = excluded.failure,
            updated_at = excluded.updated_at`,
    ],

    DocumentRemoved: ({ data: { document_id }, position }) => [
      ...noLongerCurrent(document_id!, position),
      sql`DELETE FROM document_index WHERE id = ${document_id}`,
    ],
  },
});

const noLongerCurrent = (id: number, position: number): Sql[] => [
  sql`UPDATE document_chunks SET document_id = NULL WHERE document_id = ${id}`,
  sql`UPDATE document_versions SET to_position = ${position} WHERE document_id = ${id} AND to_position IS NULL`,
];
