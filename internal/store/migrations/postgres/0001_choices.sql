-- What many records have in common. It is kept once, and never changes.
CREATE TABLE frame (
  key   bigint PRIMARY KEY, -- the first 8 bytes of its SHA-256
  bytes bytea NOT NULL CHECK (octet_length(bytes) BETWEEN 1 AND 65536)
);

CREATE FUNCTION frame_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a frame is never changed or removed: records are read with it';
END $$;

CREATE TRIGGER frame_never_changes BEFORE UPDATE OR DELETE ON frame
FOR EACH ROW EXECUTE FUNCTION frame_never_changes();
CREATE TRIGGER frame_is_not_emptied BEFORE TRUNCATE ON frame
FOR EACH STATEMENT EXECUTE FUNCTION frame_never_changes();

-- One row for each choice. The id is made by the client and ordered by time, and
-- arrival grows: both indexes grow at their end.
CREATE TABLE choice (
  site    text NOT NULL CHECK (site <> ''),
  id      bytea NOT NULL CHECK (octet_length(id) = 16),
  salt    bytea NOT NULL CHECK (octet_length(salt) = 16),
  frame   bigint, -- record holds the values that fill it; NULL: the whole record
  record  bytea NOT NULL CHECK (octet_length(record) BETWEEN 1 AND 65536),
  account bytea CHECK (octet_length(account) = 32),
  arrival bigint NOT NULL, -- origin.base and the number of the transaction: many rows share one
  PRIMARY KEY (site, id)
);
CREATE INDEX choice_arrival ON choice (arrival);

-- Another server begins to number its transactions anew. base lifts them above
-- all arrivals that a dump brought along.
CREATE TABLE origin (
  one  integer PRIMARY KEY CHECK (one = 1),
  base bigint NOT NULL
);
INSERT INTO origin (one, base) VALUES (1, 0);

-- A record is never rewritten. Deleting is for erasure and purge, which say so.
CREATE TABLE removal (
  site text NOT NULL,
  id   bytea NOT NULL,
  PRIMARY KEY (site, id)
);

CREATE FUNCTION choice_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a record is never changed';
END $$;

CREATE TRIGGER choice_never_changes BEFORE UPDATE OF arrival, site, id, salt, frame, record ON choice
FOR EACH ROW EXECUTE FUNCTION choice_never_changes();

CREATE FUNCTION choice_goes_by_erasure_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM removal WHERE site = OLD.site AND id = OLD.id) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'a record is removed by erasure or purge only';
END $$;

CREATE TRIGGER choice_goes_by_erasure_only BEFORE DELETE ON choice
FOR EACH ROW EXECUTE FUNCTION choice_goes_by_erasure_only();

CREATE TRIGGER choice_is_not_emptied BEFORE TRUNCATE ON choice
FOR EACH STATEMENT EXECUTE FUNCTION choice_goes_by_erasure_only();
