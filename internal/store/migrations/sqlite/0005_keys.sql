-- The public halves of the keys that sites have had, in the order of their use. A
-- process whose folder of keys does not have the last one neither signs nor links.
CREATE TABLE sitekey (
  site     TEXT NOT NULL CHECK (site <> ''),
  use      TEXT NOT NULL CHECK (use IN ('log', 'account')),
  number   INTEGER NOT NULL CHECK (number > 0),
  public   TEXT NOT NULL CHECK (length(public) BETWEEN 1 AND 1000),
  since    INTEGER NOT NULL, -- unix seconds
  size     INTEGER NOT NULL CHECK (size >= 0), -- of the log, then
  why      TEXT NOT NULL CHECK (why IN ('first', 'planned', 'lost', 'compromised', 'new-log')),
  note     TEXT NOT NULL,
  handover BLOB, -- a signed note of the key before, or of the log before
  PRIMARY KEY (site, use, number),
  UNIQUE (site, use, public)
) STRICT, WITHOUT ROWID;

-- A key that has ended can later be found out to be compromised too.
CREATE TABLE sitekey_end (
  site   TEXT NOT NULL,
  use    TEXT NOT NULL,
  number INTEGER NOT NULL,
  why    TEXT NOT NULL CHECK (why IN ('planned', 'lost', 'compromised')),
  at     INTEGER NOT NULL,
  note   TEXT NOT NULL,
  PRIMARY KEY (site, use, number, why),
  FOREIGN KEY (site, use, number) REFERENCES sitekey
) STRICT, WITHOUT ROWID;

CREATE TRIGGER sitekey_never_changes BEFORE UPDATE ON sitekey
BEGIN
  SELECT RAISE(ABORT, 'a key that was registered stays');
END;

CREATE TRIGGER sitekey_stays BEFORE DELETE ON sitekey
BEGIN
  SELECT RAISE(ABORT, 'a key that was registered stays');
END;

CREATE TRIGGER sitekey_end_never_changes BEFORE UPDATE ON sitekey_end
BEGIN
  SELECT RAISE(ABORT, 'a key that was registered stays');
END;

CREATE TRIGGER sitekey_end_stays BEFORE DELETE ON sitekey_end
BEGIN
  SELECT RAISE(ABORT, 'a key that was registered stays');
END;
