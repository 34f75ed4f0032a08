-- The newest checkpoint of each log that witnesses have cosigned, beside the newest
-- that is signed: under load that one is never cosigned before there is another.
CREATE TABLE cosigned (
  site         TEXT PRIMARY KEY,
  size         INTEGER NOT NULL CHECK (size > 0),
  cosignatures INTEGER NOT NULL CHECK (cosignatures > 0),
  checkpoint   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What places outside have answered: evidence of checkpoints, with the size of the
-- log, and of versions, with size 0. It is of no use without its subject: the
-- checkpoint, or the hash.
CREATE TABLE anchor (
  site     TEXT NOT NULL,
  place    TEXT NOT NULL,
  at       INTEGER NOT NULL, -- unix seconds, by the node's clock
  hash     BLOB NOT NULL CHECK (length(hash) = 32), -- of the subject
  kind     TEXT NOT NULL,
  size     INTEGER NOT NULL CHECK (size >= 0),
  subject  BLOB NOT NULL CHECK (length(subject) BETWEEN 32 AND 131072),
  evidence BLOB NOT NULL CHECK (length(evidence) BETWEEN 1 AND 262144),
  PRIMARY KEY (site, place, at, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX anchor_hash ON anchor (site, hash, place);
CREATE INDEX anchor_at ON anchor (site, at, hash, place);
CREATE INDEX anchor_size ON anchor (site, size, at, hash, place);

CREATE TRIGGER anchor_never_changes BEFORE UPDATE ON anchor
BEGIN
  SELECT RAISE(ABORT, 'evidence is never changed');
END;

CREATE TRIGGER anchor_stays BEFORE DELETE ON anchor
BEGIN
  SELECT RAISE(ABORT, 'evidence is never removed');
END;
