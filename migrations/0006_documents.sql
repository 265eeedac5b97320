-- One row for each document that is there now. What it was before is in the log.
CREATE TABLE document_index (
  id            INTEGER PRIMARY KEY,                   -- position of the event that it began with
  file_path     TEXT NOT NULL,
  version       INTEGER NOT NULL CHECK (version > 0),
  title         TEXT NOT NULL,
  document_type TEXT NOT NULL CHECK (document_type IN ('design', 'specification', 'plan', 'report', 'document')),
  content_hash  TEXT CHECK (length(content_hash) = 64),-- SHA-256 of what is indexed; NULL: nothing is
  size          INTEGER NOT NULL CHECK (size >= 0),    -- bytes of what is indexed
  chunk_count   INTEGER NOT NULL CHECK (chunk_count BETWEEN 0 AND 4096),
  metadata      TEXT NOT NULL CHECK (json_valid(metadata)),
  origin        TEXT NOT NULL CHECK (origin IN ('api', 'folder')),
  sync_status   TEXT NOT NULL CHECK (sync_status IN ('indexed', 'failed')), -- as far as the log knows; see below
  failure       TEXT CHECK ((failure IS NULL) = (sync_status = 'indexed')),
  created_at    TEXT NOT NULL,
  updated_at    TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX idx_document_file_path ON document_index (file_path);
CREATE INDEX idx_document_type_created ON document_index (document_type, created_at);
CREATE INDEX idx_document_sync_status ON document_index (sync_status, updated_at);
CREATE INDEX idx_document_content_hash ON document_index (content_hash) WHERE content_hash IS NOT NULL;
CREATE INDEX idx_document_updated ON document_index (updated_at);

CREATE TABLE document_chunks (
  id          INTEGER PRIMARY KEY CHECK (id >= 2251799813685248), -- 2^51 + position of its event * 4096 + chunk_index
  document_id INTEGER NOT NULL REFERENCES document_index (id),
  chunk_index INTEGER NOT NULL CHECK (chunk_index BETWEEN 0 AND 4095),
  heading     TEXT NOT NULL,                           -- headings above it, outermost first, joined by ' > '
  text        TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX idx_embeddings_document_chunk ON document_chunks (document_id, chunk_index);

-- Words of chunks, rowid = document_chunks.id. Contentless, as memory_words is.
CREATE VIRTUAL TABLE document_words USING fts5 (
  text, metadata,
  content = '', contentless_delete = 1,
  tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE document_vocabulary USING fts5vocab (document_words, row);

-- Files that were seen to change and have not been looked at since. Bookkeeping of the watcher, not derived from the log.
CREATE TABLE document_changes (
  id         INTEGER PRIMARY KEY,
  file_path  TEXT NOT NULL UNIQUE,
  noticed_at TEXT NOT NULL
) STRICT;
