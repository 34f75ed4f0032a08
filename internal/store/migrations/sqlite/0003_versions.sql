-- Manifests, notices and the evidence of versions: each once, under its SHA-256,
-- whichever sites have it.
CREATE TABLE artifact (
  hash  BLOB PRIMARY KEY CHECK (length(hash) = 32),
  bytes BLOB NOT NULL CHECK (length(bytes) BETWEEN 1 AND 4194304)
) STRICT;

-- The versions of each site, in the order in which they were listed.
CREATE TABLE version (
  site     TEXT NOT NULL CHECK (site <> ''),
  number   INTEGER NOT NULL CHECK (number > 0),
  evidence BLOB NOT NULL REFERENCES artifact,
  at       INTEGER NOT NULL, -- unix seconds
  PRIMARY KEY (site, number),
  UNIQUE (site, evidence)
) STRICT, WITHOUT ROWID;

-- Which of them were activated, in this order. The last one is active.
CREATE TABLE activation (
  site     TEXT NOT NULL,
  number   INTEGER NOT NULL CHECK (number > 0),
  evidence BLOB NOT NULL,
  at       INTEGER NOT NULL, -- unix seconds
  by       TEXT NOT NULL,
  PRIMARY KEY (site, number),
  FOREIGN KEY (site, evidence) REFERENCES version (site, evidence)
) STRICT, WITHOUT ROWID;

-- Moves with each version and each activation. Nodes look at nothing else while it
-- stays.
CREATE TABLE generation (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  number INTEGER NOT NULL
) STRICT;
INSERT INTO generation (one, number) VALUES (1, 0);

-- All of it is evidence.
CREATE TRIGGER artifact_never_changes BEFORE UPDATE ON artifact
BEGIN
  SELECT RAISE(ABORT, 'evidence is never changed or removed');
END;
CREATE TRIGGER artifact_stays BEFORE DELETE ON artifact
BEGIN
  SELECT RAISE(ABORT, 'evidence is never changed or removed');
END;
CREATE TRIGGER version_never_changes BEFORE UPDATE ON version
BEGIN
  SELECT RAISE(ABORT, 'evidence is never changed or removed');
END;
CREATE TRIGGER version_stays BEFORE DELETE ON version
BEGIN
  SELECT RAISE(ABORT, 'evidence is never changed or removed');
END;
CREATE TRIGGER activation_never_changes BEFORE UPDATE ON activation
BEGIN
  SELECT RAISE(ABORT, 'evidence is never changed or removed');
END;
CREATE TRIGGER activation_stays BEFORE DELETE ON activation
BEGIN
  SELECT RAISE(ABORT, 'evidence is never changed or removed');
END;
CREATE TRIGGER generation_grows BEFORE UPDATE ON generation
WHEN NEW.one <> OLD.one OR NEW.number <= OLD.number
BEGIN
  SELECT RAISE(ABORT, 'the generation only grows');
END;
