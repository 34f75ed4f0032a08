-- The newest checkpoint of each log that witnesses have cosigned, beside the newest
-- that is signed: under load that one is never cosigned before there is another.
CREATE TABLE cosigned (
  site         text PRIMARY KEY,
  size         bigint NOT NULL CHECK (size > 0),
  cosignatures integer NOT NULL CHECK (cosignatures > 0),
  checkpoint   bytea NOT NULL
);

-- What places outside have answered: evidence of checkpoints, with the size of the
-- log, and of versions, with size 0. It is of no use without its subject: the
-- checkpoint, or the hash.
CREATE TABLE anchor (
  site     text NOT NULL,
  place    text NOT NULL,
  at       bigint NOT NULL, -- unix seconds, by the node's clock
  hash     bytea NOT NULL CHECK (octet_length(hash) = 32), -- of the subject
  kind     text NOT NULL,
  size     bigint NOT NULL CHECK (size >= 0),
  subject  bytea NOT NULL CHECK (octet_length(subject) BETWEEN 32 AND 131072),
  evidence bytea NOT NULL CHECK (octet_length(evidence) BETWEEN 1 AND 262144),
  PRIMARY KEY (site, place, at, hash)
);
CREATE INDEX anchor_hash ON anchor (site, hash, place);
CREATE INDEX anchor_at ON anchor (site, at, hash, place);
CREATE INDEX anchor_size ON anchor (site, size, at, hash, place);

CREATE FUNCTION anchor_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'evidence is never changed or removed';
END $$;

CREATE TRIGGER anchor_never_changes BEFORE UPDATE OR DELETE ON anchor
FOR EACH ROW EXECUTE FUNCTION anchor_never_changes();

CREATE TRIGGER anchor_is_not_emptied BEFORE TRUNCATE ON anchor
FOR EACH STATEMENT EXECUTE FUNCTION anchor_never_changes();
