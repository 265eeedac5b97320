-- Why a projection cannot go on; NULL: it can.
ALTER TABLE projections ADD COLUMN stopped_by TEXT;

-- Events that a projection could not digest and was allowed to leave aside. Nothing is skipped that does not stand here.
CREATE TABLE parked_events (
  id         INTEGER PRIMARY KEY,
  projection TEXT NOT NULL,
  position   INTEGER NOT NULL,                         -- of the event
  reason     TEXT NOT NULL,
  attempts   INTEGER NOT NULL CHECK (attempts > 0),
  parked_at  TEXT NOT NULL,
  UNIQUE (projection, position)
) STRICT;
