-- The trusted place of logs in SQLite: the last tree head that may be signed,
-- in another database than the logs'. See sql.rs for the one statement that
-- moves a head.

CREATE TABLE IF NOT EXISTS sluis_heads (
    origin TEXT PRIMARY KEY,
    size   INTEGER NOT NULL CHECK (size > 0),
    root   BLOB NOT NULL CHECK (length(root) = 32)
) STRICT;

CREATE TRIGGER IF NOT EXISTS sluis_heads_stay BEFORE DELETE ON sluis_heads
BEGIN
    SELECT RAISE(ABORT, 'sluis: a trusted head is never deleted');
END;

CREATE TRIGGER IF NOT EXISTS sluis_heads_grow BEFORE UPDATE ON sluis_heads
BEGIN
    SELECT RAISE(ABORT, 'sluis: a trusted head only grows')
        WHERE NEW.size <= OLD.size OR NEW.origin IS NOT OLD.origin;
END;
