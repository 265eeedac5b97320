-- What came from a source that is not trusted is kept out of lists, searches and contexts, and can be let in again.
ALTER TABLE memory_entries ADD COLUMN is_quarantined INTEGER NOT NULL DEFAULT 0 CHECK (is_quarantined IN (0, 1));
-- Empty where nothing is in quarantine, so that counts of namespaces can leave it out without looking at rows.
CREATE INDEX idx_memory_quarantined ON memory_entries (namespace) WHERE is_quarantined = 1;

CREATE TABLE quarantines (
  id             INTEGER PRIMARY KEY,                  -- position of the event that imposed it
  quarantine_id  TEXT NOT NULL UNIQUE,
  session_id     TEXT,                                 -- of what came from here, all that are given
  actor          TEXT,
  key_id         TEXT,                                 -- of the API key that it was written with
  from_time      TEXT,
  to_time        TEXT,
  correlation_id TEXT,
  reason         TEXT NOT NULL,
  imposed_by     TEXT NOT NULL,
  imposed_at     TEXT NOT NULL,
  lifted_by      TEXT,
  lifted_at      TEXT,                                 -- NULL: it stands, also for what is written from now on
  CHECK (coalesce(session_id, actor, key_id, from_time, to_time, correlation_id) IS NOT NULL),
  CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
) STRICT;
CREATE INDEX idx_quarantines_standing ON quarantines (id) WHERE lifted_at IS NULL;

-- Which versions of memories are or were in which quarantine.
CREATE TABLE memory_quarantines (
  id         INTEGER PRIMARY KEY,
  quarantine INTEGER NOT NULL REFERENCES quarantines (id),
  entry_id   INTEGER NOT NULL REFERENCES memory_entries (id)
) STRICT;
CREATE UNIQUE INDEX idx_memory_quarantines_quarantine ON memory_quarantines (quarantine, entry_id);
CREATE INDEX idx_memory_quarantines_entry ON memory_quarantines (entry_id);
