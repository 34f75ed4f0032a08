-- The journal of erasures. It survives what it tells of, so that an erasure can be
-- carried out again in an older backup. It names nobody: hash is over a record's id
-- or the key of an account.
CREATE TABLE erasure (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at     bigint NOT NULL, -- unix seconds
  site   text NOT NULL CHECK (site <> ''),
  form   text NOT NULL CHECK (form IN ('unlink', 'destroy')),
  hash   bytea NOT NULL CHECK (octet_length(hash) = 32),
  UNIQUE (site, hash, at, form)
);

CREATE FUNCTION erasure_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the journal of erasures is never changed';
END $$;

CREATE TRIGGER erasure_never_changes BEFORE UPDATE ON erasure
FOR EACH ROW EXECUTE FUNCTION erasure_never_changes();
