-- The trusted place of logs in SQLite, in another database than the logs': the last
-- tree head that may be signed, and the wrapped keys of payloads. See sql.rs for the
-- statements that change them.

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

-- The key of each retention period, wrapped; or what is known of its destruction.
-- A period is never forgotten, so it never gets a second key.
CREATE TABLE IF NOT EXISTS sluis_payload_keys (
    origin    TEXT NOT NULL,
    period    TEXT NOT NULL,
    wrapped   BLOB CHECK (length(wrapped) = 72),
    destroyed TEXT,
    PRIMARY KEY (origin, period),
    CHECK ((wrapped IS NULL) <> (destroyed IS NULL))
) STRICT;

CREATE TRIGGER IF NOT EXISTS sluis_payload_keys_stay BEFORE DELETE ON sluis_payload_keys
BEGIN
    SELECT RAISE(ABORT, 'sluis: a period is never forgotten');
END;

CREATE TRIGGER IF NOT EXISTS sluis_payload_keys_end BEFORE UPDATE ON sluis_payload_keys
BEGIN
    SELECT RAISE(ABORT, 'sluis: a key is destroyed once and never changed')
        WHERE OLD.wrapped IS NULL OR NEW.wrapped IS NOT NULL
           OR NEW.origin IS NOT OLD.origin OR NEW.period IS NOT OLD.period;
    SELECT RAISE(ABORT, 'sluis: a key is kept until the day of its period')
        WHERE substr(OLD.period, instr(OLD.period, '/') + 1) > date('now');
END;
