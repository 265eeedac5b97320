-- One row for each version of a memory. `replaced_at` and memory_deletions tell when it held: `as_of` needs no replay.
CREATE TABLE memory_entries (
  id                INTEGER PRIMARY KEY,               -- position of the event that made this version
  namespace         TEXT NOT NULL,
  key               TEXT NOT NULL,
  version           INTEGER NOT NULL CHECK (version > 0),
  memory_type       TEXT NOT NULL CHECK (memory_type IN ('semantic', 'episodic', 'procedural')),
  value             TEXT NOT NULL CHECK (json_valid(value)),
  metadata          TEXT NOT NULL CHECK (json_valid(metadata)),
  is_deleted        INTEGER NOT NULL DEFAULT 0 CHECK (is_deleted IN (0, 1)),
  created_by        TEXT NOT NULL,
  updated_by        TEXT NOT NULL,
  created_at        TEXT NOT NULL,
  updated_at        TEXT NOT NULL,
  expires_at        TEXT,
  task_id           TEXT,
  session_id        TEXT REFERENCES sessions (session_id) ON DELETE SET NULL,
  published_from    TEXT CHECK (published_from IS NULL OR json_valid(published_from)),
  consolidated_into INTEGER,
  requires_review   INTEGER NOT NULL DEFAULT 0 CHECK (requires_review IN (0, 1)),
  replaced_at       INTEGER CHECK (replaced_at > id)   -- position of the next version; NULL: this is the newest
) STRICT;

CREATE UNIQUE INDEX idx_memory_namespace_key_version ON memory_entries (namespace, key, version);
-- What lists look for is alive: the newest version, not deleted.
CREATE INDEX idx_memory_namespace_prefix ON memory_entries (namespace, updated_at)
  WHERE replaced_at IS NULL AND is_deleted = 0;
CREATE INDEX idx_memory_updated_at ON memory_entries (updated_at)
  WHERE replaced_at IS NULL AND is_deleted = 0;
CREATE INDEX idx_memory_type_updated ON memory_entries (memory_type, updated_at)
  WHERE replaced_at IS NULL AND is_deleted = 0;
CREATE INDEX idx_memory_type_namespace ON memory_entries (memory_type, namespace, updated_at)
  WHERE replaced_at IS NULL AND is_deleted = 0;
CREATE INDEX idx_memory_created_by ON memory_entries (created_by, updated_at)
  WHERE replaced_at IS NULL AND is_deleted = 0;
CREATE INDEX idx_memory_episodic_ttl ON memory_entries (expires_at)
  WHERE replaced_at IS NULL AND is_deleted = 0 AND expires_at IS NOT NULL;
CREATE INDEX idx_memory_session ON memory_entries (session_id) WHERE session_id IS NOT NULL;

-- Between which positions a memory was deleted; `restored_at` NULL: it still is.
CREATE TABLE memory_deletions (
  id          INTEGER PRIMARY KEY,                     -- position of the event that deleted it
  namespace   TEXT NOT NULL,
  key         TEXT NOT NULL,
  restored_at INTEGER CHECK (restored_at > id)
) STRICT;
CREATE INDEX idx_memory_deletions_address ON memory_deletions (namespace, key, id);
