-- Work that takes longer than a request: how it stands, for every process on this file. What it did is in the log, under
-- its id as the correlation id; that it ran is only remembered here.
CREATE TABLE operations (
  id           INTEGER PRIMARY KEY,
  operation_id TEXT NOT NULL UNIQUE,
  kind         TEXT NOT NULL,
  status       TEXT NOT NULL CHECK (status IN ('running', 'succeeded', 'failed', 'interrupted')),
  done         INTEGER NOT NULL DEFAULT 0 CHECK (done >= 0),
  total        INTEGER NOT NULL DEFAULT 0 CHECK (total >= 0),
  result       TEXT CHECK (result IS NULL OR json_valid(result)),
  error        TEXT,
  started_at   TEXT NOT NULL,
  finished_at  TEXT,
  -- When its process last said that it lives, in seconds since the machine started: no clock step moves that.
  beat         INTEGER NOT NULL
) STRICT;
CREATE INDEX idx_operations_kind ON operations (kind, id);
CREATE INDEX idx_operations_running ON operations (id) WHERE status = 'running';
