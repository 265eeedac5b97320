-- When keys were last shown, to the minute. Not in the log: it would get an entry for each key and minute that nobody could ever
-- let go of, and it tells nothing that has to be proved. It is lost with the file, and nothing is made of it.
CREATE TABLE api_key_uses (
  id           INTEGER PRIMARY KEY,                    -- api_keys.id
  last_used_at TEXT NOT NULL
) STRICT;
