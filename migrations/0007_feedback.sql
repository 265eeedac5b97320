-- Keys that the program signs with; made here once, so that every process on this file has the same.
CREATE TABLE signing_keys (
  id      INTEGER PRIMARY KEY,
  purpose TEXT NOT NULL UNIQUE,
  key     BLOB NOT NULL CHECK (length(key) = 32)
) STRICT;
INSERT INTO signing_keys (purpose, key) VALUES ('search-id', randomblob(32));

-- What became of search results, summed up: each single word of feedback stands in the log.
CREATE TABLE search_feedback (
  id              INTEGER PRIMARY KEY,
  source          TEXT NOT NULL CHECK (source IN ('memory', 'document')),
  mode            TEXT NOT NULL CHECK (mode IN ('hybrid', 'semantic', 'keyword')),
  signal          TEXT NOT NULL CHECK (signal IN ('click', 'helpful', 'not_helpful')),
  count           INTEGER NOT NULL,
  reciprocal_rank REAL NOT NULL,                       -- sum of 1 / place of the result, the first being 1
  UNIQUE (source, mode, signal)
) STRICT;
