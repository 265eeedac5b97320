-- What was made of what, as the features say it: a row for each source that an event names. Most events name none.
CREATE TABLE provenance (
  id              INTEGER PRIMARY KEY,
  position        INTEGER NOT NULL,                    -- of the event that made something
  stream          TEXT NOT NULL,                       -- what was made
  relation        TEXT NOT NULL,                       -- published_from, restored_from, consolidated_from …
  source_stream   TEXT,                                -- what it was made of: a thing, at a version of its own,
  source_version  INTEGER,
  source_position INTEGER,                             -- or one entry of the log
  CHECK ((source_stream IS NULL) <> (source_position IS NULL))
) STRICT;
CREATE INDEX idx_provenance_stream ON provenance (stream, position);
CREATE INDEX idx_provenance_source_stream ON provenance (source_stream, position) WHERE source_stream IS NOT NULL;
CREATE INDEX idx_provenance_source_position ON provenance (source_position) WHERE source_position IS NOT NULL;
