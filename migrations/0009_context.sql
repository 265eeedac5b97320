-- One row for each context that was given and recorded. What was in it is told by its items and the log position it was
-- read at, so nothing is kept twice, and what is erased is erased here, too.
CREATE TABLE contexts (
  id            INTEGER PRIMARY KEY,                   -- position of the event that recorded it
  context_id    TEXT NOT NULL UNIQUE,
  session_id    TEXT NOT NULL,                         -- no foreign key: it outlives its session
  task_id       TEXT,
  query         TEXT,
  token_budget  INTEGER NOT NULL CHECK (token_budget > 0),
  as_of         INTEGER,                               -- the past that was asked for; NULL: what was so then
  position      INTEGER NOT NULL CHECK (position < id),-- what was read
  moment        TEXT NOT NULL,                         -- by which memories had expired or not
  degraded      INTEGER NOT NULL CHECK (degraded IN (0, 1)),
  format        INTEGER NOT NULL CHECK (format > 0),   -- of the prompt
  token_count   INTEGER NOT NULL CHECK (token_count >= 0),
  prompt_sha256 TEXT NOT NULL CHECK (length(prompt_sha256) = 64),
  omitted       TEXT NOT NULL CHECK (json_valid(omitted)),
  created_by    TEXT NOT NULL,
  created_at    TEXT NOT NULL
) STRICT;
CREATE INDEX idx_contexts_session ON contexts (session_id);

-- What each context was made of, in the order of its lines.
CREATE TABLE context_items (
  id         INTEGER PRIMARY KEY,
  context_id INTEGER NOT NULL REFERENCES contexts (id),
  place      INTEGER NOT NULL CHECK (place >= 0),
  part       TEXT NOT NULL CHECK (part IN
    ('session', 'task', 'task_state', 'checkpoint', 'state', 'memories.session', 'memories.user', 'memories.app',
     'memories.project', 'procedures', 'episodes')),
  memory_id  INTEGER,                                  -- version of a memory; it may be erased later
  state_key  TEXT,
  score      REAL,
  UNIQUE (context_id, place)
) STRICT;
CREATE INDEX idx_context_items_memory ON context_items (memory_id, context_id) WHERE memory_id IS NOT NULL;
