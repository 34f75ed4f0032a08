-- What many records have in common. It is kept once, and never changes.
CREATE TABLE frame (
  key   INTEGER PRIMARY KEY, -- the first 8 bytes of its SHA-256
  bytes BLOB NOT NULL CHECK (length(bytes) BETWEEN 1 AND 65536)
) STRICT;

CREATE TRIGGER frame_never_changes BEFORE UPDATE ON frame
BEGIN
  SELECT RAISE(ABORT, 'a frame is never changed');
END;

CREATE TRIGGER frame_stays BEFORE DELETE ON frame
BEGIN
  SELECT RAISE(ABORT, 'a frame is never removed: records are read with it');
END;

-- One row for each choice, in the order in which they were committed. The id is
-- made by the client and ordered by time: both trees grow at their end.
CREATE TABLE choice (
  arrival INTEGER PRIMARY KEY, -- counted by the one process that writes
  site    TEXT NOT NULL CHECK (site <> ''),
  id      BLOB NOT NULL CHECK (length(id) = 16),
  salt    BLOB NOT NULL CHECK (length(salt) = 16),
  frame   INTEGER, -- record holds the values that fill it; NULL: the whole record
  record  BLOB NOT NULL CHECK (length(record) BETWEEN 1 AND 65536),
  account BLOB CHECK (account IS NULL OR length(account) = 32),
  UNIQUE (site, id)
) STRICT;

-- A record is never rewritten. Deleting is for erasure and purge, which say so.
CREATE TRIGGER choice_never_changes BEFORE UPDATE OF arrival, site, id, salt, frame, record ON choice
BEGIN
  SELECT RAISE(ABORT, 'a record is never changed');
END;

CREATE TABLE removal (
  site TEXT NOT NULL,
  id   BLOB NOT NULL,
  PRIMARY KEY (site, id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER choice_goes_by_erasure_only BEFORE DELETE ON choice
WHEN NOT EXISTS (SELECT 1 FROM removal WHERE site = OLD.site AND id = OLD.id)
BEGIN
  SELECT RAISE(ABORT, 'a record is removed by erasure or purge only');
END;
