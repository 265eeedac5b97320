import { canonicalJson } from '#kernel';
import { projector } from '#projections';
import { sql, type Sql } from '#storage';
import type { DocumentEvent } from './document.events.js';
import { chunksOf, chunkText, documentWords } from './document.searchable.js';

/** Tables `document_index` and `document_chunks`, and the words of each chunk: of what documents are now. */
export const documentsProjector = projector<DocumentEvent>('documents', {
  mode: 'inline',
  tables: ['document_index', 'document_chunks', 'document_words'],
  on: {
    DocumentIndexed: (event) => {
      const { data, position, time } = event;
      const { version, title, document_type, content_hash, size, origin, cuts } = data;
      const id = data.document_id ?? position;
      const metadata = canonicalJson(data.metadata);
      const words = documentWords(title, data.metadata);
      return [
        ...(data.document_id === null ? [] : withoutChunks(id)),
        sql`INSERT INTO document_index (id, file_path, version, title, document_type, content_hash, size, chunk_count,
              metadata, origin, sync_status, created_at, updated_at)
            VALUES (${id}, ${data.file_path}, ${version}, ${title}, ${document_type}, ${content_hash}, ${size},
              ${cuts.length}, ${metadata}, ${origin}, 'indexed', ${time}, ${time})
            ON CONFLICT (id) DO UPDATE SET version = excluded.version, title = excluded.title,
              document_type = excluded.document_type, content_hash = excluded.content_hash, size = excluded.size,
              chunk_count = excluded.chunk_count, metadata = excluded.metadata, origin = excluded.origin,
              sync_status = 'indexed', failure = NULL, updated_at = excluded.updated_at`,
        ...chunksOf(event).flatMap((chunk) => [
          sql`INSERT INTO document_chunks (id, document_id, chunk_index, heading, text)
              VALUES (${chunk.id}, ${id}, ${chunk.chunk_index}, ${chunk.heading}, ${chunk.text})`,
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

    DocumentRemoved: ({ data: { document_id } }) => [
      ...withoutChunks(document_id!),
      sql`DELETE FROM document_index WHERE id = ${document_id}`,
    ],
  },
});

const withoutChunks = (id: number): Sql[] => [
  sql`DELETE FROM document_words WHERE rowid IN (SELECT id FROM document_chunks WHERE document_id = ${id})`,
  sql`DELETE FROM document_chunks WHERE document_id = ${id}`,
];
