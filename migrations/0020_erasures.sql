-- What was erased from the log, when, by whom and why, as the log itself tells it.
CREATE TABLE erasures (
  id           INTEGER PRIMARY KEY,                    -- position of the event that ordered it
  erasure_id   TEXT NOT NULL UNIQUE,
  subject_kind TEXT NOT NULL CHECK (subject_kind IN ('user', 'session', 'namespace')),
  subject_ref  TEXT NOT NULL CHECK (length(subject_ref) = 64), -- a keyed digest: it names nobody
  reason       TEXT NOT NULL,
  requested_by TEXT NOT NULL,
  requested_at TEXT NOT NULL,
  entries      INTEGER NOT NULL CHECK (entries > 0),
  counts       TEXT NOT NULL CHECK (json_valid(counts)),-- rows by table, as they were found
  completed_at TEXT,                                   -- NULL: it is under way, and goes on at the next start
  result       TEXT CHECK ((result IS NULL) = (completed_at IS NULL)),
  completed_position INTEGER CHECK ((completed_position IS NULL) = (completed_at IS NULL))
) STRICT;
CREATE INDEX idx_erasures_subject ON erasures (subject_ref, id);
CREATE INDEX idx_erasures_pending ON erasures (id) WHERE completed_at IS NULL;

-- The entries that were to be erased: content and salt may go from these rows and no others. The hashes, of the first and
-- the last entry of a range, say of which log this speaks: positions alone might be those of another history.
CREATE TABLE erasure_ranges (
  id             INTEGER PRIMARY KEY,
  erasure        INTEGER NOT NULL REFERENCES erasures (id),
  first_position INTEGER NOT NULL CHECK (first_position > 0),
  last_position  INTEGER NOT NULL CHECK (last_position >= first_position),
  first_hash     TEXT NOT NULL CHECK (length(first_hash) = 16),
  last_hash      TEXT NOT NULL CHECK (length(last_hash) = 16)
) STRICT;
CREATE INDEX idx_erasure_ranges_last ON erasure_ranges (last_position, first_position);
CREATE INDEX idx_erasure_ranges_erasure ON erasure_ranges (erasure, id);

-- What subjects of erasures are digested with. Without it, the digest of a short name could be guessed.
INSERT INTO signing_keys (purpose, key) VALUES ('erasure-subject', randomblob(32));

-- Entries whose content is gone. It has no rows where nothing was erased, so appending does not pay for it.
CREATE INDEX idx_audit_erased ON audit (position) WHERE salt IS NULL;

-- The one door in the log: an entry that an erasure names loses all that tells of somebody, at once. Position, type, time
-- and all hashes stay as they are, so chain and tree verify as before.
DROP TRIGGER audit_is_never_updated;
CREATE TRIGGER audit_is_never_updated BEFORE UPDATE ON audit
WHEN NOT (
  NEW.data IS NULL AND NEW.salt IS NULL AND NEW.event_id IS NULL AND NEW.stream = 'erased:' || OLD.position
  AND NEW.actor = 'erased' AND NEW.agent_id IS NULL AND NEW.task_id IS NULL AND NEW.session_id IS NULL
  AND NEW.memory_operation IS NULL AND NEW.memory_namespace IS NULL AND NEW.memory_entry_id IS NULL
  AND NEW.correlation_id = 'erased:' || OLD.position AND NEW.causation_id IS NULL
  AND NEW.position = OLD.position AND NEW.stream_version = OLD.stream_version AND NEW.type = OLD.type
  AND NEW.schema_version = OLD.schema_version AND NEW.timestamp = OLD.timestamp
  AND NEW.envelope_commitment = OLD.envelope_commitment AND NEW.data_commitment = OLD.data_commitment
  AND NEW.leaf_hash = OLD.leaf_hash AND NEW.entry_hash = OLD.entry_hash
  AND EXISTS (SELECT 1 FROM erasure_ranges WHERE last_position >= OLD.position AND first_position <= OLD.position)
)
BEGIN SELECT RAISE(ABORT, 'audit is append only'); END;
