CREATE TABLE sessions (
  id               INTEGER PRIMARY KEY,               -- position of the event that created it
  session_id       TEXT NOT NULL UNIQUE,
  app_name         TEXT NOT NULL,
  user_id          TEXT NOT NULL,
  project_id       TEXT,
  status           TEXT NOT NULL CHECK (status IN ('created', 'active', 'paused', 'terminated', 'archived')),
  metadata         TEXT NOT NULL CHECK (json_valid(metadata)),
  forked_from      TEXT CHECK (forked_from IS NULL OR json_valid(forked_from)),
  created_at       TEXT NOT NULL,
  last_update_time TEXT NOT NULL,
  terminated_at    TEXT,
  archived_at      TEXT,
  event_count      INTEGER NOT NULL CHECK (event_count >= 0),
  version          INTEGER NOT NULL CHECK (version > 0),
  position         INTEGER NOT NULL                   -- of its last event
) STRICT;

CREATE INDEX idx_sessions_updated ON sessions (last_update_time);
CREATE INDEX idx_sessions_status_updated ON sessions (status, last_update_time);
CREATE INDEX idx_sessions_user_created ON sessions (user_id, created_at);
CREATE INDEX idx_sessions_project ON sessions (project_id, last_update_time) WHERE project_id IS NOT NULL;
CREATE INDEX idx_sessions_app_user ON sessions (app_name, user_id, last_update_time);

-- One row for each value that a key has had, with the positions between which it held: `as_of` needs no replay.
CREATE TABLE scoped_state (
  id            INTEGER PRIMARY KEY,
  scope         TEXT NOT NULL CHECK (scope IN ('session', 'user', 'app', 'project')),
  owner         TEXT NOT NULL,                        -- whose state: the session, the user of an app, …
  key           TEXT NOT NULL,                        -- as it was written, with its prefix
  value         TEXT NOT NULL CHECK (json_valid(value)),
  from_position INTEGER NOT NULL,
  to_position   INTEGER CHECK (to_position >= from_position)  -- NULL: it is the current value
) STRICT;

CREATE UNIQUE INDEX idx_scoped_state_current ON scoped_state (scope, owner, key) WHERE to_position IS NULL;
CREATE INDEX idx_scoped_state_history ON scoped_state (scope, owner, from_position);

-- The events of sessions, as the log holds them.
CREATE VIEW session_events AS
  SELECT position,
         session_id,
         event_id,
         stream_version                                AS version,
         json_extract(data, '$.event_type')            AS event_type,
         actor,
         json_extract(data, '$.timestamp')             AS timestamp,
         json_extract(data, '$.content')               AS content,
         json_extract(data, '$.state_delta')           AS state_delta,
         json_extract(data, '$.is_final_response')     AS is_final_response
  FROM audit
  WHERE type = 'SessionEventAppended';
