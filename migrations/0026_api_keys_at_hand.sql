-- Every request asks whether its key counts: without the columns that say for whom, which may be as long as users are many.
CREATE INDEX idx_api_keys_shown ON api_keys (key_id, revoked_at, expires_at, mac);
