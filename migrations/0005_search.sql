-- Words of memories: one row for each version, rowid = memory_entries.id, so that a search can look into the past, too.
-- Contentless: the text itself is in memory_entries already.
CREATE VIRTUAL TABLE memory_words USING fts5 (
  text, metadata,
  content = '', contentless_delete = 1,
  tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE memory_vocabulary USING fts5vocab (memory_words, row);

-- What can be found by meaning, and where it stands. Texts and vectors below are a cache keyed by content: a rebuild of
-- search_entries leaves them alone and costs no embedding.
CREATE TABLE search_texts (
  id          INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 1099511627775),
  text_sha256 BLOB NOT NULL UNIQUE CHECK (length(text_sha256) = 32),
  text        TEXT NOT NULL
) STRICT;

CREATE TABLE search_entries (
  id          INTEGER PRIMARY KEY,                     -- position of the event
  source      TEXT NOT NULL CHECK (source IN ('memory', 'document')),
  subject     TEXT NOT NULL,                           -- stream of what it belongs to
  namespace   TEXT,                                    -- of a memory
  memory_type TEXT CHECK (memory_type IN ('semantic', 'episodic', 'procedural')),
  text_id     INTEGER NOT NULL REFERENCES search_texts (id),
  sequence    TEXT,                                    -- what it was said in, and when in there: for neighbours
  place       INTEGER,
  to_position INTEGER                                  -- position of what replaced or removed it; NULL: it is current
) STRICT;
CREATE INDEX idx_search_entries_subject ON search_entries (subject, to_position);
CREATE INDEX idx_search_entries_namespace ON search_entries (namespace, memory_type, text_id) WHERE to_position IS NULL;
CREATE INDEX idx_search_entries_source ON search_entries (source, memory_type, text_id) WHERE to_position IS NULL;
CREATE INDEX idx_search_entries_text ON search_entries (text_id);
CREATE INDEX idx_search_entries_sequence ON search_entries (sequence, place) WHERE sequence IS NOT NULL;

-- One vector has one id in the three tables that follow: model_id * 2^40 + text_id.
CREATE TABLE embedding_models (
  id           INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 8191),
  name         TEXT NOT NULL,
  dimensions   INTEGER NOT NULL CHECK (dimensions BETWEEN 1 AND 8192),
  code_version INTEGER NOT NULL,
  vector_count INTEGER NOT NULL DEFAULT 0 CHECK (vector_count >= 0),
  UNIQUE (name, dimensions)
) STRICT;

CREATE TABLE document_embeddings_data (
  id          INTEGER PRIMARY KEY,
  model_id    INTEGER NOT NULL REFERENCES embedding_models (id),
  text_sha256 BLOB NOT NULL CHECK (length(text_sha256) = 32),
  dimensions  INTEGER NOT NULL,
  vector      BLOB NOT NULL,                           -- little-endian float32, unit length
  CHECK (id / 1099511627776 = model_id AND id % 1099511627776 > 0),
  CHECK (length(vector) = 4 * dimensions)
) STRICT;
CREATE UNIQUE INDEX idx_embeddings_model_hash ON document_embeddings_data (model_id, text_sha256);

-- Apart from the wide rows above, so that 15 codes share a page: a filtered search reads codes, not vectors.
CREATE TABLE embedding_codes (
  id   INTEGER PRIMARY KEY REFERENCES document_embeddings_data (id),
  code BLOB NOT NULL CHECK (length(code) = 256)
) STRICT;

-- Partitioned by model only: vectors of two models never share a chunk. Not by namespace: the cost of an insert and
-- the waste of half-empty chunks grow with the number of partitions.
CREATE VIRTUAL TABLE document_embeddings USING vec0 (
  id       INTEGER PRIMARY KEY,
  model_id INTEGER PARTITION KEY,
  code     BIT[1024],
  chunk_size = 1024
);

-- Texts that could not be embedded: parked with the reason, tried again when asked.
CREATE TABLE embedding_failures (
  id         INTEGER PRIMARY KEY,                      -- model_id * 2^40 + text_id
  attempts   INTEGER NOT NULL CHECK (attempts > 0),
  reason     TEXT NOT NULL,
  failed_at  TEXT NOT NULL,
  retry      INTEGER NOT NULL DEFAULT 0 CHECK (retry IN (0, 1))
) STRICT;
