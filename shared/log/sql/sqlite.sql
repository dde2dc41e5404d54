-- The log in SQLite. Statements are separated by empty lines, because some
-- drivers take one at a time and the triggers hold semicolons.
--
-- An append is ONE statement, an insert into the view sluis_append, and so
-- atomic wherever it runs. Its trigger is a compare-and-swap: it takes only the
-- next index, behind the very chain value that the writer read. A writer that
-- lost a race gets an error and starts again; a fork cannot be written.

CREATE TABLE IF NOT EXISTS sluis_log (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    origin TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS sluis_entries (
    idx    INTEGER PRIMARY KEY CHECK (idx >= 0),
    id     BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    stream INTEGER NOT NULL CHECK (stream IN (1, 2)),
    entry  BLOB NOT NULL CHECK (length(entry) BETWEEN 1 AND 65535),
    chain  BLOB NOT NULL CHECK (length(chain) = 32)
) STRICT;

-- Apart, so that it can be erased. Sealed under the key of its retention period,
-- which stands elsewhere.
CREATE TABLE IF NOT EXISTS sluis_payloads (
    idx    INTEGER PRIMARY KEY REFERENCES sluis_entries (idx),
    period TEXT NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS sluis_payloads_of_period ON sluis_payloads (period);

CREATE VIEW IF NOT EXISTS sluis_append
    (origin, idx, previous, id, stream, entry, chain, period, sealed)
AS SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL WHERE FALSE;

CREATE TRIGGER IF NOT EXISTS sluis_append_entry INSTEAD OF INSERT ON sluis_append
BEGIN
    INSERT INTO sluis_log (one, origin)
        SELECT 1, NEW.origin WHERE NOT EXISTS (SELECT 1 FROM sluis_log);
    SELECT RAISE(ABORT, 'sluis: the stored log has another origin')
        WHERE NEW.origin IS NOT (SELECT origin FROM sluis_log);
    SELECT RAISE(ABORT, 'sluis: the head has moved')
        WHERE NEW.idx IS NOT (SELECT coalesce(max(idx) + 1, 0) FROM sluis_entries)
           OR (NEW.idx > 0 AND NEW.previous IS NOT
                  (SELECT chain FROM sluis_entries WHERE idx = NEW.idx - 1));
    INSERT INTO sluis_entries (idx, id, stream, entry, chain)
        VALUES (NEW.idx, NEW.id, NEW.stream, NEW.entry, NEW.chain);
    INSERT INTO sluis_payloads (idx, period, sealed)
        VALUES (NEW.idx, NEW.period, NEW.sealed);
END;

-- Against accidents. Who owns the file can do anything; the chain tells.
CREATE TRIGGER IF NOT EXISTS sluis_entries_keep BEFORE UPDATE ON sluis_entries
BEGIN
    SELECT RAISE(ABORT, 'sluis: entries are never changed');
END;

CREATE TRIGGER IF NOT EXISTS sluis_entries_stay BEFORE DELETE ON sluis_entries
BEGIN
    SELECT RAISE(ABORT, 'sluis: entries are never deleted');
END;

CREATE TRIGGER IF NOT EXISTS sluis_payloads_keep BEFORE UPDATE ON sluis_payloads
BEGIN
    SELECT RAISE(ABORT, 'sluis: payloads are erased, never changed');
END;

CREATE TRIGGER IF NOT EXISTS sluis_payloads_stay BEFORE DELETE ON sluis_payloads
BEGIN
    SELECT RAISE(ABORT, 'sluis: a payload is kept until the day of its period')
        WHERE substr(OLD.period, instr(OLD.period, '/') + 1) > date('now');
END;

-- The Merkle tree over the entries (C2SP tlog-tiles): a row a tile, with as
-- many hashes as there are. A partial tile is read as a prefix of its row.
CREATE TABLE IF NOT EXISTS sluis_tiles (
    level  INTEGER NOT NULL CHECK (level BETWEEN 0 AND 7),
    idx    INTEGER NOT NULL CHECK (idx >= 0),
    hashes BLOB NOT NULL CHECK (length(hashes) BETWEEN 32 AND 8192 AND length(hashes) % 32 = 0),
    PRIMARY KEY (level, idx)
) STRICT;

-- The published checkpoint, a signed note over size and root.
CREATE TABLE IF NOT EXISTS sluis_checkpoint (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    size INTEGER NOT NULL CHECK (size > 0),
    root BLOB NOT NULL CHECK (length(root) = 32),
    note TEXT NOT NULL
) STRICT;

-- Publishing is an insert into this view: a compare-and-swap, as an append is.
-- The tiles are written before it.
CREATE VIEW IF NOT EXISTS sluis_publish (old_size, old_root, size, root, note)
AS SELECT NULL, NULL, NULL, NULL, NULL WHERE FALSE;

CREATE TRIGGER IF NOT EXISTS sluis_publish_checkpoint INSTEAD OF INSERT ON sluis_publish
BEGIN
    SELECT RAISE(ABORT, 'sluis: the checkpoint has moved')
        WHERE NEW.old_size IS NOT (SELECT coalesce(max(size), 0) FROM sluis_checkpoint)
           OR (NEW.old_size > 0 AND NEW.old_root IS NOT (SELECT root FROM sluis_checkpoint))
           OR NEW.size <= NEW.old_size;
    SELECT RAISE(ABORT, 'sluis: a checkpoint beyond the entries')
        WHERE NEW.size > (SELECT coalesce(max(idx) + 1, 0) FROM sluis_entries);
    INSERT INTO sluis_checkpoint (one, size, root, note)
        VALUES (1, NEW.size, NEW.root, NEW.note)
        ON CONFLICT (one) DO UPDATE
            SET size = excluded.size, root = excluded.root, note = excluded.note;
END;

CREATE TRIGGER IF NOT EXISTS sluis_tiles_stay BEFORE DELETE ON sluis_tiles
BEGIN
    SELECT RAISE(ABORT, 'sluis: tiles are never deleted');
END;

CREATE TRIGGER IF NOT EXISTS sluis_checkpoint_stays BEFORE DELETE ON sluis_checkpoint
BEGIN
    SELECT RAISE(ABORT, 'sluis: the checkpoint is never deleted');
END;

CREATE TRIGGER IF NOT EXISTS sluis_checkpoint_grows BEFORE UPDATE ON sluis_checkpoint
BEGIN
    SELECT RAISE(ABORT, 'sluis: the checkpoint only grows')
        WHERE NEW.size <= OLD.size;
END;

CREATE TRIGGER IF NOT EXISTS sluis_tiles_grow BEFORE UPDATE ON sluis_tiles
BEGIN
    SELECT RAISE(ABORT, 'sluis: a tile only grows')
        WHERE substr(NEW.hashes, 1, length(OLD.hashes)) IS NOT OLD.hashes;
END;
