-- Memories that repeat or contradict each other. What is consolidated is set aside, never removed: the row stays, and
-- memory_marks tells between which positions it was out of lists and searches, so that `as_of` needs no replay.
ALTER TABLE memory_entries ADD COLUMN is_archived INTEGER NOT NULL DEFAULT 0 CHECK (is_archived IN (0, 1));
-- [{ namespace, key, version }]: the versions that this one was made of.
ALTER TABLE memory_entries ADD COLUMN consolidated_from TEXT CHECK (consolidated_from IS NULL OR json_valid(consolidated_from));
-- The version that the writer said it had seen (If-Match); NULL: it did not say.
ALTER TABLE memory_entries ADD COLUMN seen_version INTEGER;

CREATE TABLE memory_marks (
  id       INTEGER PRIMARY KEY,                        -- position of the event that set it
  entry_id INTEGER NOT NULL REFERENCES memory_entries (id),
  mark     TEXT NOT NULL CHECK (mark IN ('superseded', 'archived', 'review')),
  into_id  INTEGER REFERENCES memory_entries (id),     -- of `superseded`: the version that it went into
  ended_at INTEGER CHECK (ended_at > id)               -- position of what took it off; NULL: it still is
) STRICT;
CREATE INDEX idx_memory_marks_entry ON memory_marks (entry_id, id);

-- One row for each conflict that was found; its id follows from its members, so the next scan finds it here.
CREATE TABLE memory_conflicts (
  id          INTEGER PRIMARY KEY,                     -- position of the event that reported it
  conflict_id TEXT NOT NULL UNIQUE,
  kind        TEXT NOT NULL CHECK (kind IN ('duplicate', 'near_duplicate', 'same_key', 'concurrent_writes')),
  namespace   TEXT NOT NULL,                           -- whose memories they are: user:alice, app:planner …
  members     TEXT NOT NULL CHECK (json_valid(members)),
  reason      TEXT NOT NULL,
  status      TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'resolved')),
  strategy    TEXT,                                    -- how it was resolved
  result      TEXT CHECK (result IS NULL OR json_valid(result)),
  detected_at TEXT NOT NULL,
  resolved_at TEXT,
  resolved_by TEXT
) STRICT;
CREATE INDEX idx_memory_conflicts_namespace ON memory_conflicts (namespace, id);
CREATE INDEX idx_memory_conflicts_status ON memory_conflicts (status, id);
