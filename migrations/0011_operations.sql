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

-- Jobs that somebody has given another schedule, or switched off; of all others the program knows both.
CREATE TABLE jobs (
  id         INTEGER PRIMARY KEY,                      -- position of the event that first changed it
  name       TEXT NOT NULL UNIQUE,
  schedule   TEXT NOT NULL,
  enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  updated_by TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;

-- When each job runs next, who runs it now, and how it went last.
CREATE TABLE job_runs (
  id              INTEGER PRIMARY KEY,
  name            TEXT NOT NULL UNIQUE,
  schedule        TEXT,                                -- by which due_at was planned
  due_at          TEXT,
  attempts        INTEGER NOT NULL DEFAULT 0,          -- of this due_at that did not come to an end
  fence           INTEGER NOT NULL DEFAULT 0,          -- grows with each holder: an older one changes nothing any more
  lease_until     INTEGER,                             -- seconds since the machine started; NULL: nobody holds it
  operation_id    TEXT,                                -- of the newest run
  started_at      TEXT,
  finished_at     TEXT,
  result          TEXT CHECK (result IN ('succeeded', 'failed')), -- NULL: it runs, or was interrupted
  last_success_at TEXT,
  CHECK (lease_until IS NULL OR operation_id IS NOT NULL)
) STRICT;
