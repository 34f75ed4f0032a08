-- The log of each site. size and root move together, in the transaction that
-- inserts the entries: whoever finds another size has lost the race.
CREATE TABLE log (
  site       text PRIMARY KEY,
  size       bigint NOT NULL CHECK (size > 0),
  root       bytea NOT NULL CHECK (octet_length(root) = 32),
  signed     bigint NOT NULL DEFAULT 0 CHECK (signed <= size),
  checkpoint bytea
);

-- All choices that arrived before this are in the logs, but those of stalled sites;
-- later ones may be. removals counts the transactions that removed choices, or took
-- them from their account: what was read before one gets no look-ups after it.
CREATE TABLE sequenced (
  one      integer PRIMARY KEY CHECK (one = 1),
  arrival  bigint NOT NULL,
  removals bigint NOT NULL DEFAULT 0
);
INSERT INTO sequenced (one, arrival) VALUES (1, 0);

-- Sites whose log could not be extended. All their choices that arrived before this
-- are in it.
CREATE TABLE stalled (
  site    text PRIMARY KEY,
  arrival bigint NOT NULL
);

-- What the log holds: entries of 32 bytes, 256 in a bundle. It names no record:
-- after an erasure nothing leads from one to the other. The last bundle grows at its
-- end, and nothing else ever changes.
CREATE TABLE bundle (
  site    text NOT NULL,
  idx     bigint NOT NULL CHECK (idx >= 0),
  entries bytea NOT NULL CHECK (octet_length(entries) % 32 = 0 AND octet_length(entries) BETWEEN 32 AND 8192),
  PRIMARY KEY (site, idx)
);
-- Hashes do not compress.
ALTER TABLE bundle ALTER COLUMN entries SET STORAGE EXTERNAL;

CREATE FUNCTION bundle_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NEW.site = OLD.site AND NEW.idx = OLD.idx AND octet_length(NEW.entries) > octet_length(OLD.entries)
      AND substr(NEW.entries, 1, octet_length(OLD.entries)) = OLD.entries THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'an entry of the log is never changed or removed';
END $$;

CREATE TRIGGER bundle_only_grows BEFORE UPDATE OR DELETE ON bundle
FOR EACH ROW EXECUTE FUNCTION bundle_only_grows();
CREATE TRIGGER bundle_is_not_emptied BEFORE TRUNCATE ON bundle
FOR EACH STATEMENT EXECUTE FUNCTION bundle_only_grows();

-- Where a record is in the log, and what it is looked up by. Ids of records are
-- ordered by time. It goes with its record.
CREATE TABLE place (
  site     text NOT NULL,
  record   bytea NOT NULL,
  idx      bigint NOT NULL,
  at       bigint NOT NULL, -- seconds since 1970, as ends
  ends     bigint NOT NULL,
  version  bytea NOT NULL CHECK (octet_length(version) = 8), -- begins the manifest's SHA-256
  action   text NOT NULL,
  language text NOT NULL,
  subject  bytea CHECK (octet_length(subject) IN (16, 32)), -- first record of the chain, or key of the account
  PRIMARY KEY (site, record)
);
CREATE INDEX place_version ON place (site, action, version, record);
-- The first record of a chain, whose subject is itself, is found by its own id.
CREATE INDEX place_subject ON place (site, subject, record) WHERE subject <> record;

-- How many choices, and answers about each category, went into the log. Nothing in
-- it leads to a record, and it stays when records go.
CREATE TABLE tally (
  site     text NOT NULL,
  day      bigint NOT NULL, -- since 1970, UTC
  language text NOT NULL,
  action   text NOT NULL,
  category text NOT NULL, -- '' counts choices
  allowed  boolean NOT NULL,
  n        bigint NOT NULL CHECK (n > 0),
  PRIMARY KEY (site, day, language, action, category, allowed)
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
