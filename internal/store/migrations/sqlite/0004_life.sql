-- The journal of erasures. It survives what it tells of, so that an erasure can be
-- carried out again in an older backup. It names nobody: hash is over a record's id
-- or the key of an account.
CREATE TABLE erasure (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at     INTEGER NOT NULL, -- unix seconds
  site   TEXT NOT NULL CHECK (site <> ''),
  form   TEXT NOT NULL CHECK (form IN ('unlink', 'destroy')),
  hash   BLOB NOT NULL CHECK (length(hash) = 32),
  UNIQUE (site, hash, at, form)
) STRICT;

CREATE TRIGGER erasure_never_changes BEFORE UPDATE ON erasure
BEGIN
  SELECT RAISE(ABORT, 'the journal of erasures is never changed');
END;
