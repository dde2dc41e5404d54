-- What was used once (DPoP proofs, single-use mandates), in SQLite. Statements
-- are separated by empty lines, because some drivers take one at a time.
--
-- A use is ONE statement, an insert that conflicts with any earlier one, and so
-- atomic wherever it runs.

CREATE TABLE IF NOT EXISTS sluis_used (
    key   BLOB PRIMARY KEY CHECK (length(key) = 32),
    until INTEGER NOT NULL CHECK (until >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS sluis_used_until ON sluis_used (until);

-- A few of those that are past their time by five minutes (the clocks' margin),
-- with each one that comes. Never the new one itself: a key is in time when it comes,
-- and if a clock is so wrong that it is not, the store keeps it.
CREATE TRIGGER IF NOT EXISTS sluis_used_clear AFTER INSERT ON sluis_used
BEGIN
    DELETE FROM sluis_used WHERE key IN (
        SELECT key FROM sluis_used
         WHERE until < CAST(strftime('%s', 'now') AS INTEGER) - 300 AND key <> NEW.key
         ORDER BY until LIMIT 4);
END;
