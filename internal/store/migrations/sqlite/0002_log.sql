-- The log of each site. size and root move together, in the transaction that
-- inserts the entries: whoever finds another size has lost the race.
CREATE TABLE log (
  site       TEXT PRIMARY KEY,
  size       INTEGER NOT NULL CHECK (size > 0),
  root       BLOB NOT NULL CHECK (length(root) = 32),
  signed     INTEGER NOT NULL DEFAULT 0 CHECK (signed <= size),
  checkpoint BLOB
) STRICT, WITHOUT ROWID;

-- Choices up to this place in the order of commits are in the logs, but those of
-- stalled sites. removals counts the transactions that removed choices, or took
-- them from their account: what was read before one gets no look-ups after it.
CREATE TABLE sequenced (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  arrival  INTEGER NOT NULL,
  removals INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO sequenced (one, arrival) VALUES (1, 0);

-- Sites whose log could not be extended, and the place up to which their choices
-- are in it.
CREATE TABLE stalled (
  site    TEXT PRIMARY KEY,
  arrival INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the log holds: entries of 32 bytes, 256 in a bundle. It names no record:
-- after an erasure nothing leads from one to the other. The last bundle grows at its
-- end, and nothing else ever changes.
CREATE TABLE bundle (
  site    TEXT NOT NULL,
  idx     INTEGER NOT NULL CHECK (idx >= 0),
  entries BLOB NOT NULL CHECK (length(entries) % 32 = 0 AND length(entries) BETWEEN 32 AND 8192),
  PRIMARY KEY (site, idx)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER bundle_only_grows BEFORE UPDATE ON bundle
WHEN NEW.site <> OLD.site OR NEW.idx <> OLD.idx OR length(NEW.entries) <= length(OLD.entries)
  OR substr(NEW.entries, 1, length(OLD.entries)) <> OLD.entries
BEGIN
  SELECT RAISE(ABORT, 'an entry of the log is never changed or removed');
END;

CREATE TRIGGER bundle_stays BEFORE DELETE ON bundle
BEGIN
  SELECT RAISE(ABORT, 'an entry of the log is never changed or removed');
END;

-- Where a record is in the log, and what it is looked up by. Ids of records are
-- ordered by time. It goes with its record.
CREATE TABLE place (
  site     TEXT NOT NULL,
  record   BLOB NOT NULL,
  idx      INTEGER NOT NULL,
  at       INTEGER NOT NULL, -- seconds since 1970, as ends
  ends     INTEGER NOT NULL,
  version  BLOB NOT NULL CHECK (length(version) = 8), -- begins the manifest's SHA-256
  action   TEXT NOT NULL,
  language TEXT NOT NULL,
  subject  BLOB CHECK (subject IS NULL OR length(subject) IN (16, 32)), -- first record of the chain, or key of the account
  PRIMARY KEY (site, record)
) STRICT, WITHOUT ROWID;
CREATE INDEX place_version ON place (site, action, version, record);
-- The first record of a chain, whose subject is itself, is found by its own id.
CREATE INDEX place_subject ON place (site, subject, record) WHERE subject <> record;

-- How many choices, and answers about each category, went into the log. Nothing in
-- it leads to a record, and it stays when records go.
CREATE TABLE tally (
  site     TEXT NOT NULL,
  day      INTEGER NOT NULL, -- since 1970, UTC
  language TEXT NOT NULL,
  action   TEXT NOT NULL,
  category TEXT NOT NULL, -- '' counts choices
  allowed  INTEGER NOT NULL CHECK (allowed IN (0, 1)),
  n        INTEGER NOT NULL CHECK (n > 0),
  PRIMARY KEY (site, day, language, action, category, allowed)
) STRICT, WITHOUT ROWID;

CREATE TABLE tile (
  site   TEXT NOT NULL,
  level  INTEGER NOT NULL,
  idx    INTEGER NOT NULL,
  hashes BLOB NOT NULL CHECK (length(hashes) % 32 = 0 AND length(hashes) BETWEEN 32 AND 8192),
  PRIMARY KEY (site, level, idx)
) STRICT, WITHOUT ROWID;
