-- What cannot be derived again has a checksum, so that a flipped bit is noticed. NULL: the row is older than this.
ALTER TABLE document_embeddings_data ADD COLUMN crc32 INTEGER;  -- of the vector
ALTER TABLE commits ADD COLUMN crc32 INTEGER;                   -- of the other columns: see commitSum
