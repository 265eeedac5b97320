-- One row for each task as it is now; what it was before is in its stream of the log.
CREATE TABLE tasks (
  id                            INTEGER PRIMARY KEY,   -- position of the event that submitted it
  task_id                       TEXT NOT NULL UNIQUE,
  prompt                        TEXT NOT NULL,
  agent_type                    TEXT NOT NULL,
  priority                      INTEGER NOT NULL CHECK (priority BETWEEN 1 AND 10), -- 1 goes first
  status                        TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
  input_data                    TEXT NOT NULL CHECK (json_valid(input_data)),
  result_data                   TEXT CHECK (result_data IS NULL OR json_valid(result_data)),
  error_message                 TEXT,
  retry_count                   INTEGER NOT NULL DEFAULT 0 CHECK (retry_count BETWEEN 0 AND max_retries),
  max_retries                   INTEGER NOT NULL CHECK (max_retries >= 0),
  max_execution_timeout_seconds INTEGER NOT NULL CHECK (max_execution_timeout_seconds > 0),
  parent_task_id                TEXT REFERENCES tasks (task_id),
  dependencies                  TEXT NOT NULL CHECK (json_valid(dependencies)), -- ids, as they were given
  open_dependencies             INTEGER NOT NULL CHECK (open_dependencies >= 0), -- of them, those not completed
  session_id                    TEXT REFERENCES sessions (session_id) ON DELETE SET NULL,
  agent_id                      TEXT CHECK (agent_id IS NULL OR status <> 'pending'), -- who claimed it
  procedure_namespace           TEXT,                  -- the version of a procedural memory that it goes by
  procedure_key                 TEXT,
  procedure_version             INTEGER CHECK ((procedure_version IS NULL) = (procedure_key IS NULL)
                                  AND (procedure_key IS NULL) = (procedure_namespace IS NULL)),
  outcome_namespace             TEXT,                  -- where its outcome is remembered; NULL: where that is usual
  created_by                    TEXT NOT NULL,
  submitted_at                  TEXT NOT NULL,
  started_at                    TEXT,
  timeout_at                    TEXT CHECK ((timeout_at IS NULL) = (status <> 'running')),
  completed_at                  TEXT CHECK ((completed_at IS NULL) = (status IN ('pending', 'running'))),
  last_updated_at               TEXT NOT NULL,
  version                       INTEGER NOT NULL CHECK (version > 0),
  position                      INTEGER NOT NULL       -- of its last event
) STRICT;

-- What can be claimed, in the order in which it is: a claim takes the first entry and never looks at a blocked task.
CREATE INDEX idx_tasks_status_priority ON tasks (priority, id) WHERE status = 'pending' AND open_dependencies = 0;
CREATE INDEX idx_tasks_claimable_type ON tasks (agent_type, priority, id)
  WHERE status = 'pending' AND open_dependencies = 0;
CREATE INDEX idx_tasks_running_timeout ON tasks (timeout_at) WHERE status = 'running';
CREATE INDEX idx_tasks_submitted_at ON tasks (submitted_at);
CREATE INDEX idx_tasks_status_submitted ON tasks (status, submitted_at);
CREATE INDEX idx_tasks_session ON tasks (session_id, submitted_at) WHERE session_id IS NOT NULL;
CREATE INDEX idx_tasks_parent ON tasks (parent_task_id, submitted_at) WHERE parent_task_id IS NOT NULL;
-- Outcomes in the order in which they came, and by the procedure that led to them.
CREATE INDEX idx_tasks_ended ON tasks (position) WHERE status IN ('completed', 'failed');
CREATE INDEX idx_tasks_procedure ON tasks (procedure_namespace, procedure_key, procedure_version, status)
  WHERE procedure_key IS NOT NULL;

CREATE TABLE task_dependencies (
  id         INTEGER PRIMARY KEY,                      -- position of the task's first event * 128 + place in its list
  task_id    TEXT NOT NULL REFERENCES tasks (task_id),
  depends_on TEXT NOT NULL REFERENCES tasks (task_id),
  CHECK (task_id <> depends_on)
) STRICT;
CREATE UNIQUE INDEX idx_task_dependencies_task ON task_dependencies (task_id, depends_on);
CREATE INDEX idx_task_dependencies_on ON task_dependencies (depends_on);

CREATE TABLE agents (
  id              INTEGER PRIMARY KEY,                 -- position of the event that registered it
  agent_id        TEXT NOT NULL UNIQUE,
  name            TEXT NOT NULL,
  specialization  TEXT,
  task_id         TEXT REFERENCES tasks (task_id),
  state           TEXT NOT NULL CHECK (state IN ('idle', 'working', 'waiting', 'terminated')),
  model           TEXT,
  resource_usage  TEXT NOT NULL CHECK (json_valid(resource_usage)),
  session_id      TEXT REFERENCES sessions (session_id) ON DELETE SET NULL,
  spawned_at      TEXT NOT NULL,
  terminated_at   TEXT CHECK ((terminated_at IS NULL) = (state <> 'terminated')),
  last_updated_at TEXT NOT NULL,
  version         INTEGER NOT NULL CHECK (version > 0),
  position        INTEGER NOT NULL                     -- of its last event
) STRICT;
CREATE INDEX idx_agents_task ON agents (task_id, id) WHERE task_id IS NOT NULL;
CREATE INDEX idx_agents_session ON agents (session_id, id) WHERE session_id IS NOT NULL;
CREATE INDEX idx_agents_state ON agents (state, id);

-- One row for each version of a checkpoint. `replaced_at` tells until when it held: `as_of` needs no replay.
CREATE TABLE checkpoints (
  id          INTEGER PRIMARY KEY,                     -- position of the event that wrote it
  task_id     TEXT NOT NULL REFERENCES tasks (task_id),
  iteration   INTEGER NOT NULL CHECK (iteration >= 0),
  version     INTEGER NOT NULL CHECK (version > 0),
  state       TEXT NOT NULL CHECK (json_valid(state)),
  session_id  TEXT REFERENCES sessions (session_id) ON DELETE SET NULL, -- the task's
  created_by  TEXT NOT NULL,
  created_at  TEXT NOT NULL,
  replaced_at INTEGER CHECK (replaced_at > id)
) STRICT;
CREATE UNIQUE INDEX idx_checkpoints_task_iteration ON checkpoints (task_id, iteration, version);
CREATE INDEX idx_checkpoints_session ON checkpoints (session_id) WHERE session_id IS NOT NULL;

-- What a task keeps by key: one row for each value that a key has had.
CREATE TABLE state (
  id          INTEGER PRIMARY KEY,                     -- position of the event that set it
  task_id     TEXT NOT NULL REFERENCES tasks (task_id),
  key         TEXT NOT NULL,
  version     INTEGER NOT NULL CHECK (version > 0),
  value       TEXT NOT NULL CHECK (json_valid(value)),
  updated_by  TEXT NOT NULL,
  updated_at  TEXT NOT NULL,
  replaced_at INTEGER CHECK (replaced_at > id)
) STRICT;
CREATE UNIQUE INDEX idx_state_task_key ON state (task_id, key, version);

-- How far each reaction to the log has come. Bookkeeping, not derived from the log.
CREATE TABLE reactions (
  id       INTEGER PRIMARY KEY,
  name     TEXT NOT NULL UNIQUE,
  position INTEGER NOT NULL CHECK (position >= 0)
) STRICT;
