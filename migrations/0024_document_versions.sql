-- What documents were, for searches of the past: chunks and their words stay when a document changes or goes.
DROP TABLE document_chunks;
INSERT INTO document_words (document_words) VALUES ('delete-all');
DELETE FROM document_index;

-- One row for each content that was indexed.
CREATE TABLE document_versions (
  id            INTEGER PRIMARY KEY,                   -- position of its event
  document_id   INTEGER NOT NULL,                      -- the document's, which may have gone since
  file_path     TEXT NOT NULL,
  version       INTEGER NOT NULL CHECK (version > 0),
  title         TEXT NOT NULL,
  document_type TEXT NOT NULL CHECK (document_type IN ('design', 'specification', 'plan', 'report', 'document')),
  content_hash  TEXT NOT NULL CHECK (length(content_hash) = 64),
  size          INTEGER NOT NULL CHECK (size >= 0),
  metadata      TEXT NOT NULL CHECK (json_valid(metadata)),
  created_at    TEXT NOT NULL,                         -- of the document
  updated_at    TEXT NOT NULL,                         -- of this version
  to_position   INTEGER CHECK (to_position > id)       -- position of what replaced or removed it; NULL: it is current
) STRICT;
CREATE UNIQUE INDEX idx_document_versions_current ON document_versions (document_id) WHERE to_position IS NULL;

CREATE TABLE document_chunks (
  id          INTEGER PRIMARY KEY CHECK (id >= 2251799813685248), -- 2^51 + position of its event * 4096 + chunk_index
  document_id INTEGER REFERENCES document_index (id),  -- NULL: of a version that is not current any more
  version_id  INTEGER NOT NULL REFERENCES document_versions (id),
  chunk_index INTEGER NOT NULL CHECK (chunk_index BETWEEN 0 AND 4095),
  heading     TEXT NOT NULL,                           -- headings above it, outermost first, joined by ' > '
  text        TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX idx_embeddings_document_chunk ON document_chunks (document_id, chunk_index);

-- Filled again from the log.
UPDATE projections SET position = 0 WHERE name = 'documents';
