-- The Merkle tree (RFC 6962) over audit.leaf_hash: its complete subtrees above the leaves. An id is the place at which a
-- node is written when leaves come in order, so that the table grows at its end; leaves take ids, too, but no rows.
CREATE TABLE log_nodes (
  id   INTEGER PRIMARY KEY,
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- Signed heads of the tree, the last thousand of them. The key that signs them is not in this file.
CREATE TABLE log_checkpoints (
  id        INTEGER PRIMARY KEY,                       -- size of the tree: the position of its last entry
  root      BLOB NOT NULL CHECK (length(root) = 32),
  note      TEXT NOT NULL,                             -- the signed note, as it is handed out
  signed_at TEXT NOT NULL
) STRICT;
