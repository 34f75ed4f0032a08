-- The log of each site. size and root move together, in the transaction that
-- inserts the leaves: whoever finds another size has lost the race.
CREATE TABLE log (
  site       text PRIMARY KEY,
  size       bigint NOT NULL CHECK (size > 0),
  root       bytea NOT NULL CHECK (octet_length(root) = 32),
  signed     bigint NOT NULL DEFAULT 0 CHECK (signed <= size),
  checkpoint bytea
);

-- All choices that arrived before this are in the logs; later ones may be.
CREATE TABLE sequenced (
  one     integer PRIMARY KEY CHECK (one = 1),
  arrival bigint NOT NULL
);
INSERT INTO sequenced (one, arrival) VALUES (1, 0);

CREATE TABLE leaf (
  site   text NOT NULL,
  idx    bigint NOT NULL CHECK (idx >= 0),
  entry  bytea NOT NULL CHECK (octet_length(entry) = 32),
  record bytea NOT NULL CHECK (octet_length(record) = 16),
  PRIMARY KEY (site, idx)
);

-- Where a record is in the log.
CREATE TABLE place (
  site   text NOT NULL,
  record bytea NOT NULL,
  idx    bigint NOT NULL,
  PRIMARY KEY (site, record)
);

CREATE TABLE tile (
  site   text NOT NULL,
  level  integer NOT NULL,
  idx    bigint NOT NULL,
  hashes bytea NOT NULL CHECK (octet_length(hashes) % 32 = 0 AND octet_length(hashes) BETWEEN 32 AND 8192),
  PRIMARY KEY (site, level, idx)
);
-- Hashes do not compress.
ALTER TABLE tile ALTER COLUMN hashes SET STORAGE EXTERNAL;
