-- The public halves of the keys that sites have had, in the order of their use. A
-- process whose folder of keys does not have the last one neither signs nor links.
CREATE TABLE sitekey (
  site     text NOT NULL CHECK (site <> ''),
  use      text NOT NULL CHECK (use IN ('log', 'account')),
  number   integer NOT NULL CHECK (number > 0),
  public   text NOT NULL CHECK (length(public) BETWEEN 1 AND 1000),
  since    bigint NOT NULL, -- unix seconds
  size     bigint NOT NULL CHECK (size >= 0), -- of the log, then
  why      text NOT NULL CHECK (why IN ('first', 'planned', 'lost', 'compromised', 'new-log')),
  note     text NOT NULL,
  handover bytea, -- a signed note of the key before, or of the log before
  PRIMARY KEY (site, use, number),
  UNIQUE (site, use, public)
);

-- A key that has ended can later be found out to be compromised too.
CREATE TABLE sitekey_end (
  site   text NOT NULL,
  use    text NOT NULL,
  number integer NOT NULL,
  why    text NOT NULL CHECK (why IN ('planned', 'lost', 'compromised')),
  at     bigint NOT NULL,
  note   text NOT NULL,
  PRIMARY KEY (site, use, number, why),
  FOREIGN KEY (site, use, number) REFERENCES sitekey
);

CREATE FUNCTION sitekey_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a key that was registered stays';
END $$;

CREATE TRIGGER sitekey_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON sitekey
FOR EACH STATEMENT EXECUTE FUNCTION sitekey_stays();

CREATE TRIGGER sitekey_end_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON sitekey_end
FOR EACH STATEMENT EXECUTE FUNCTION sitekey_stays();
