-- What the role of running processes needs, and no more: see Grant.
GRANT SELECT, INSERT, DELETE, UPDATE (account) ON choice TO ROLE_NAME;
GRANT SELECT, INSERT, DELETE ON removal TO ROLE_NAME;
GRANT SELECT, UPDATE ON origin, sequenced TO ROLE_NAME;
GRANT SELECT, INSERT, UPDATE ON log, tile TO ROLE_NAME;
GRANT SELECT, INSERT ON leaf, place TO ROLE_NAME;
GRANT SELECT ON migration TO ROLE_NAME;
