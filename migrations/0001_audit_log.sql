-- The log is the truth: every other table can be derived from it again.
CREATE TABLE audit (
  position            INTEGER PRIMARY KEY,             -- dense: 1, 2, 3 …, assigned at commit
  event_id            TEXT,                            -- the client's own id; NULL: the position is its name
  stream              TEXT NOT NULL,
  stream_version      INTEGER NOT NULL CHECK (stream_version > 0),
  type                TEXT NOT NULL,
  schema_version      INTEGER NOT NULL CHECK (schema_version > 0),
  timestamp           TEXT NOT NULL,                   -- never runs backwards along the log
  actor               TEXT NOT NULL,
  agent_id            TEXT,
  task_id             TEXT,
  session_id          TEXT,
  memory_operation    TEXT CHECK (memory_operation IN
                        ('create', 'update', 'delete', 'restore', 'consolidate', 'publish', 'expire')),
  memory_namespace    TEXT,
  memory_entry_id     INTEGER,                         -- memory_entries.id
  correlation_id      TEXT NOT NULL,
  causation_id        TEXT,
  data                TEXT CHECK (data IS NULL OR json_valid(data)),
  -- The two commitments stand in the hashed header instead of what they commit to. Erasing a person removes data
  -- and salt; header and chain stay as they were.
  salt                BLOB CHECK (salt IS NULL OR length(salt) = 32),
  envelope_commitment BLOB NOT NULL CHECK (length(envelope_commitment) = 32),
  data_commitment     BLOB NOT NULL CHECK (length(data_commitment) = 32),
  leaf_hash           BLOB NOT NULL CHECK (length(leaf_hash) = 32),
  entry_hash          BLOB NOT NULL CHECK (length(entry_hash) = 32)
) STRICT;

CREATE UNIQUE INDEX idx_audit_stream_version ON audit (stream, stream_version);
CREATE UNIQUE INDEX idx_audit_stream_event_id ON audit (stream, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX idx_audit_timestamp ON audit (timestamp);
CREATE INDEX idx_audit_task ON audit (task_id, position) WHERE task_id IS NOT NULL;
CREATE INDEX idx_audit_memory_operations ON audit (memory_operation, position) WHERE memory_operation IS NOT NULL;
CREATE INDEX idx_audit_memory_namespace ON audit (memory_namespace, position) WHERE memory_namespace IS NOT NULL;
CREATE INDEX idx_audit_memory_entry ON audit (memory_entry_id) WHERE memory_entry_id IS NOT NULL;
CREATE INDEX idx_audit_session ON audit (session_id, position) WHERE session_id IS NOT NULL;
CREATE INDEX idx_audit_correlation ON audit (correlation_id, position);

CREATE TRIGGER audit_is_never_updated BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit is append only'); END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'audit is append only'); END;
-- INSERT OR REPLACE deletes, too: with recursive_triggers, which every connection here sets, the trigger above sees it.
-- A trigger on INSERT itself would cost more than the insert: SQLite then keeps a journal of each statement.

-- Commits that must give the same answer when they come again: the client's Idempotency-Key.
CREATE TABLE commits (
  id          INTEGER PRIMARY KEY,
  commit_id   TEXT NOT NULL UNIQUE,
  fingerprint TEXT NOT NULL,                           -- what the id was used for
  answer      TEXT NOT NULL CHECK (json_valid(answer)),
  created_at  TEXT NOT NULL
) STRICT;
CREATE INDEX idx_commits_created_at ON commits (created_at);

-- How far each projection has read. Rows and checkpoint move in one transaction.
CREATE TABLE projections (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  mode       TEXT NOT NULL CHECK (mode IN ('inline', 'catch-up')),
  position   INTEGER NOT NULL DEFAULT 0 CHECK (position >= 0),
  updated_at TEXT NOT NULL
) STRICT;
