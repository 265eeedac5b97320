-- Measurements over time that are kept with the data, for instance how many events of each type an hour brought.
CREATE TABLE metrics (
  id        INTEGER PRIMARY KEY,
  name      TEXT NOT NULL,
  labels    TEXT NOT NULL CHECK (json_valid(labels)),
  timestamp TEXT NOT NULL,                              -- beginning of the hour, ISO-8601 UTC
  value     REAL NOT NULL
) STRICT;
CREATE UNIQUE INDEX idx_metrics_name_timestamp ON metrics (name, timestamp, labels);
