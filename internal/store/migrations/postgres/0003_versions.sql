-- Manifests, notices and the evidence of versions: each once, under its SHA-256,
-- whichever sites have it.
CREATE TABLE artifact (
  hash  bytea PRIMARY KEY,
  bytes bytea NOT NULL CHECK (octet_length(bytes) BETWEEN 1 AND 4194304),
  CHECK (hash = sha256(bytes))
);

-- The versions of each site, in the order in which they were listed.
CREATE TABLE version (
  site     text NOT NULL CHECK (site <> ''),
  number   bigint NOT NULL CHECK (number > 0),
  evidence bytea NOT NULL REFERENCES artifact,
  at       bigint NOT NULL, -- unix seconds
  PRIMARY KEY (site, number),
  UNIQUE (site, evidence)
);

-- Which of them were activated, in this order. The last one is active.
CREATE TABLE activation (
  site     text NOT NULL,
  number   bigint NOT NULL CHECK (number > 0),
  evidence bytea NOT NULL,
  at       bigint NOT NULL, -- unix seconds
  by       text NOT NULL,
  PRIMARY KEY (site, number),
  FOREIGN KEY (site, evidence) REFERENCES version (site, evidence)
);

-- Moves with each version and each activation. Nodes look at nothing else while it
-- stays.
CREATE TABLE generation (
  one    integer PRIMARY KEY CHECK (one = 1),
  number bigint NOT NULL
);
INSERT INTO generation (one, number) VALUES (1, 0);

-- All of it is evidence.
CREATE FUNCTION evidence_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'evidence is never changed or removed';
END $$;

CREATE TRIGGER artifact_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON artifact
FOR EACH STATEMENT EXECUTE FUNCTION evidence_stays();
CREATE TRIGGER version_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON version
FOR EACH STATEMENT EXECUTE FUNCTION evidence_stays();
CREATE TRIGGER activation_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON activation
FOR EACH STATEMENT EXECUTE FUNCTION evidence_stays();

CREATE FUNCTION generation_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the generation only grows';
END $$;

CREATE TRIGGER generation_grows BEFORE UPDATE ON generation
FOR EACH ROW WHEN (NEW.one <> OLD.one OR NEW.number <= OLD.number) EXECUTE FUNCTION generation_grows();
