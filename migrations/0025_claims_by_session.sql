-- What can be claimed of each session, for claims of those who see some sessions only.
CREATE INDEX idx_tasks_claimable_session ON tasks (session_id, priority, id)
  WHERE status = 'pending' AND open_dependencies = 0 AND session_id IS NOT NULL;
