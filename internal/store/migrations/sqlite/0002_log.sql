-- The log of each site. size and root move together, in the transaction that
-- inserts the leaves: whoever finds another size has lost the race.
CREATE TABLE log (
  site       TEXT PRIMARY KEY,
  size       INTEGER NOT NULL CHECK (size > 0),
  root       BLOB NOT NULL CHECK (length(root) = 32),
  signed     INTEGER NOT NULL DEFAULT 0 CHECK (signed <= size),
  checkpoint BLOB
) STRICT, WITHOUT ROWID;

-- Choices up to this place in the order of commits are in the logs.
CREATE TABLE sequenced (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  arrival INTEGER NOT NULL
) STRICT;
INSERT INTO sequenced (one, arrival) VALUES (1, 0);

CREATE TABLE leaf (
  site   TEXT NOT NULL,
  idx    INTEGER NOT NULL CHECK (idx >= 0),
  entry  BLOB NOT NULL CHECK (length(entry) = 32),
  record BLOB NOT NULL CHECK (length(record) = 16),
  PRIMARY KEY (site, idx)
) STRICT, WITHOUT ROWID;

-- Where a record is in the log.
CREATE TABLE place (
  site   TEXT NOT NULL,
  record BLOB NOT NULL,
  idx    INTEGER NOT NULL,
  PRIMARY KEY (site, record)
) STRICT, WITHOUT ROWID;

CREATE TABLE tile (
  site   TEXT NOT NULL,
  level  INTEGER NOT NULL,
  idx    INTEGER NOT NULL,
  hashes BLOB NOT NULL CHECK (length(hashes) % 32 = 0 AND length(hashes) BETWEEN 32 AND 8192),
  PRIMARY KEY (site, level, idx)
) STRICT, WITHOUT ROWID;
