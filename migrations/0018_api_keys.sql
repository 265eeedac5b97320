-- Keys with which clients come in. Of a key's secret only a keyed hash is kept; the pepper of it is not in this file.
CREATE TABLE api_keys (
  id         INTEGER PRIMARY KEY,                      -- position of the event that made it
  key_id     TEXT NOT NULL UNIQUE,                     -- the part of the key that can be told to anybody
  name       TEXT NOT NULL,
  role       TEXT NOT NULL CHECK (role IN ('agent', 'service', 'auditor', 'operator')),
  app        TEXT CHECK ((app IS NULL) = (role IN ('auditor', 'operator'))),
  users      TEXT NOT NULL CHECK (json_valid(users)),
  projects   TEXT NOT NULL CHECK (json_valid(projects)), -- {"<project>": "read" | "write"}
  mac        TEXT NOT NULL,                            -- HMAC-SHA-256(pepper, secret), base64url
  replaces   TEXT,                                     -- the key that this one was rotated from
  created_by TEXT NOT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT,
  revoked_at TEXT,
  revoked_by TEXT CHECK ((revoked_by IS NULL) = (revoked_at IS NULL))
) STRICT;
