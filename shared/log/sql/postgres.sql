-- The log in PostgreSQL 14 or later, for several validators that share it.
-- Apply once, as the owner of the database; applying it again changes nothing.
--
-- A validator needs no more than this (the role is yours to name):
--   GRANT USAGE ON SCHEMA sluis TO validator;
--   GRANT EXECUTE ON FUNCTION sluis.append TO validator;
--   GRANT EXECUTE ON FUNCTION sluis.publish TO validator;
--   GRANT EXECUTE ON FUNCTION sluis.erase TO validator;
--   GRANT SELECT ON ALL TABLES IN SCHEMA sluis TO validator;
--   ALTER ROLE validator SET idle_in_transaction_session_timeout = '5s';
-- It then can append, publish, read, and erase payloads whose day has come, and not
-- change what stands. The place of the heads that may be signed is apart:
-- postgres-trusted.sql.

BEGIN;

CREATE SCHEMA IF NOT EXISTS sluis;

CREATE TABLE IF NOT EXISTS sluis.log (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    origin text NOT NULL
);

CREATE TABLE IF NOT EXISTS sluis.entries (
    idx    bigint PRIMARY KEY CHECK (idx >= 0),
    id     bytea NOT NULL UNIQUE CHECK (octet_length(id) = 16),
    stream smallint NOT NULL CHECK (stream IN (1, 2)),
    entry  bytea NOT NULL CHECK (octet_length(entry) BETWEEN 1 AND 65535),
    chain  bytea NOT NULL CHECK (octet_length(chain) = 32)
);

-- Apart, so that it can be erased. Sealed under the key of its retention period,
-- which stands elsewhere (postgres-trusted.sql).
CREATE TABLE IF NOT EXISTS sluis.payloads (
    idx    bigint PRIMARY KEY REFERENCES sluis.entries (idx),
    period text NOT NULL,
    sealed bytea NOT NULL
);

CREATE INDEX IF NOT EXISTS payloads_of_period ON sluis.payloads (period, idx);

-- Appends one entry and returns its place in the chain. Called in a
-- transaction of its own (one statement, autocommit), so that the lock is held
-- for as long as the function runs and no client can keep it.
--
-- SQLSTATE SL001: the id stands for another entry. SL002: the stored log has
-- another origin. 55P03: the lock was not had in time.
CREATE OR REPLACE FUNCTION sluis.append(
    p_origin  text,
    p_id      bytea,
    p_stream  smallint,
    p_entry   bytea,
    p_period  text,
    p_sealed  bytea,
    OUT o_index    bigint,
    OUT o_previous bytea,
    OUT o_chain    bytea
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '3s'
AS $$
DECLARE
    v_origin text;
    v_entry  bytea;
BEGIN
    -- "sluis-lg" as a number. One writer at a time: what follows reads the
    -- head and writes the next one. Each statement of a volatile function sees
    -- what was committed before it, so also what the last holder wrote.
    PERFORM pg_advisory_xact_lock(8317151707610836071);

    -- An answer means durable, also where the database trades that for speed.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;

    SELECT l.origin INTO v_origin FROM sluis.log l;
    IF NOT FOUND THEN
        INSERT INTO sluis.log (origin) VALUES (p_origin);
    ELSIF v_origin IS DISTINCT FROM p_origin THEN
        RAISE EXCEPTION 'the stored log has another origin' USING ERRCODE = 'SL002';
    END IF;

    -- chain.rs: the chain before index 0.
    o_previous := sha256(convert_to('sluis log origin v1', 'UTF8') || '\x00'::bytea
                         || convert_to(p_origin, 'UTF8'));

    SELECT e.idx, e.chain, e.entry, coalesce(p.chain, o_previous)
      INTO o_index, o_chain, v_entry, o_previous
      FROM sluis.entries e LEFT JOIN sluis.entries p ON p.idx = e.idx - 1
     WHERE e.id = p_id;
    IF FOUND THEN
        IF v_entry IS DISTINCT FROM p_entry THEN
            RAISE EXCEPTION 'the id stands for another entry, at index %', o_index
                USING ERRCODE = 'SL001';
        END IF;
        RETURN;
    END IF;

    SELECT e.idx + 1, e.chain INTO o_index, o_previous
      FROM sluis.entries e ORDER BY e.idx DESC LIMIT 1;
    IF NOT FOUND THEN
        o_index := 0;
        o_previous := sha256(convert_to('sluis log origin v1', 'UTF8') || '\x00'::bytea
                             || convert_to(p_origin, 'UTF8'));
    END IF;

    -- RFC 6962 §2.1 for the leaf, chain.rs for the link.
    o_chain := sha256(convert_to('sluis log chain v1', 'UTF8') || '\x00'::bytea
                      || o_previous || sha256('\x00'::bytea || p_entry));

    INSERT INTO sluis.entries (idx, id, stream, entry, chain)
        VALUES (o_index, p_id, p_stream, p_entry, o_chain);
    INSERT INTO sluis.payloads (idx, period, sealed)
        VALUES (o_index, p_period, p_sealed);
END
$$;

REVOKE ALL ON FUNCTION sluis.append FROM PUBLIC;

-- Deletes payloads of a period that is over by this server's date, at most p_limit.
-- How many: none of one that is not over. Whether its key is gone, the gate knows.
--
-- 55P03: the lock was not had in time.
CREATE OR REPLACE FUNCTION sluis.erase(p_period text, p_limit bigint)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '3s'
AS $$
DECLARE
    v_erased bigint;
BEGIN
    IF split_part(p_period, '/', 2)::date > (now() AT TIME ZONE 'UTC')::date THEN
        RETURN 0;
    END IF;

    -- One after the other: who comes second sees what is left, and takes no rows for
    -- kept that are just going.
    PERFORM pg_advisory_xact_lock(8317151707610836073);

    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    DELETE FROM sluis.payloads p WHERE p.idx IN (
        SELECT q.idx FROM sluis.payloads q WHERE q.period = p_period
         ORDER BY q.idx LIMIT p_limit);
    GET DIAGNOSTICS v_erased = ROW_COUNT;
    RETURN v_erased;
END
$$;

REVOKE ALL ON FUNCTION sluis.erase FROM PUBLIC;

-- The Merkle tree over the entries (C2SP tlog-tiles): a row a tile, with as many
-- hashes as there are. A partial tile is read as a prefix of its row.
CREATE TABLE IF NOT EXISTS sluis.tiles (
    level  smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    idx    bigint NOT NULL CHECK (idx >= 0),
    hashes bytea NOT NULL
           CHECK (octet_length(hashes) BETWEEN 32 AND 8192 AND octet_length(hashes) % 32 = 0),
    PRIMARY KEY (level, idx)
);

-- The published checkpoint, a signed note over size and root.
CREATE TABLE IF NOT EXISTS sluis.checkpoint (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    size bigint NOT NULL CHECK (size > 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL
);

-- Writes tiles and the checkpoint over them, if the head of p_old_size and
-- p_old_root still stands (size 0: none does). Whether it did. p_tiles is JSON,
-- [[level, index, "hashes in hexadecimal digits"], …], since some drivers have no
-- arrays of bytea.
--
-- SQLSTATE SL004: a tile would lose or change a hash. SL005: a checkpoint beyond
-- the entries. 55P03: the lock was not had in time.
CREATE OR REPLACE FUNCTION sluis.publish(
    p_old_size bigint,
    p_old_root bytea,
    p_size     bigint,
    p_root     bytea,
    p_note     text,
    p_tiles    text
)
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '3s'
AS $$
DECLARE
    v_size bigint;
    v_root bytea;
    v_tile record;
BEGIN
    -- Publishers wait for each other, and never for an append.
    PERFORM pg_advisory_xact_lock(8317151707610836072);

    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;

    SELECT c.size, c.root INTO v_size, v_root FROM sluis.checkpoint c;
    IF NOT FOUND THEN
        v_size := 0;
        v_root := p_old_root;
    END IF;
    IF v_size IS DISTINCT FROM p_old_size OR v_root IS DISTINCT FROM p_old_root
       OR p_size <= p_old_size THEN
        RETURN false;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM sluis.entries e WHERE e.idx = p_size - 1) THEN
        RAISE EXCEPTION 'a checkpoint beyond the entries' USING ERRCODE = 'SL005';
    END IF;

    FOR v_tile IN
        SELECT (t.value ->> 0)::smallint AS level, (t.value ->> 1)::bigint AS idx,
               decode(t.value ->> 2, 'hex') AS hashes
          FROM jsonb_array_elements(p_tiles::jsonb) AS t
    LOOP
        INSERT INTO sluis.tiles AS old (level, idx, hashes)
            VALUES (v_tile.level, v_tile.idx, v_tile.hashes)
            ON CONFLICT (level, idx) DO UPDATE SET hashes = excluded.hashes;
    END LOOP;

    INSERT INTO sluis.checkpoint (size, root, note) VALUES (p_size, p_root, p_note)
        ON CONFLICT (one) DO UPDATE
            SET size = excluded.size, root = excluded.root, note = excluded.note;
    RETURN true;
END
$$;

REVOKE ALL ON FUNCTION sluis.publish FROM PUBLIC;

-- Against accidents. Who owns the database can do anything; the chain tells.
CREATE OR REPLACE FUNCTION sluis.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'sluis.% are never changed; payloads may be deleted', TG_TABLE_NAME
        USING ERRCODE = 'SL003';
END
$$;

CREATE OR REPLACE TRIGGER entries_stay
    BEFORE UPDATE OR DELETE OR TRUNCATE ON sluis.entries
    FOR EACH STATEMENT EXECUTE FUNCTION sluis.refuse_change();

CREATE OR REPLACE TRIGGER payloads_keep
    BEFORE UPDATE ON sluis.payloads
    FOR EACH STATEMENT EXECUTE FUNCTION sluis.refuse_change();

CREATE OR REPLACE TRIGGER payloads_stay_whole
    BEFORE TRUNCATE ON sluis.payloads
    FOR EACH STATEMENT EXECUTE FUNCTION sluis.refuse_change();

CREATE OR REPLACE FUNCTION sluis.only_when_due() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF split_part(OLD.period, '/', 2)::date > (now() AT TIME ZONE 'UTC')::date THEN
        RAISE EXCEPTION 'a payload is kept until the day of its period'
            USING ERRCODE = 'SL003';
    END IF;
    RETURN OLD;
END
$$;

CREATE OR REPLACE TRIGGER payloads_stay
    BEFORE DELETE ON sluis.payloads
    FOR EACH ROW EXECUTE FUNCTION sluis.only_when_due();

CREATE OR REPLACE FUNCTION sluis.only_grow() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF substr(NEW.hashes, 1, octet_length(OLD.hashes)) IS DISTINCT FROM OLD.hashes THEN
        RAISE EXCEPTION 'a tile only grows' USING ERRCODE = 'SL004';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER tiles_grow
    BEFORE UPDATE ON sluis.tiles
    FOR EACH ROW EXECUTE FUNCTION sluis.only_grow();

CREATE OR REPLACE TRIGGER tiles_stay
    BEFORE DELETE OR TRUNCATE ON sluis.tiles
    FOR EACH STATEMENT EXECUTE FUNCTION sluis.refuse_change();

CREATE OR REPLACE TRIGGER checkpoint_stays
    BEFORE DELETE OR TRUNCATE ON sluis.checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION sluis.refuse_change();

CREATE OR REPLACE FUNCTION sluis.only_later() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.size <= OLD.size THEN
        RAISE EXCEPTION 'the checkpoint only grows' USING ERRCODE = 'SL003';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER checkpoint_grows
    BEFORE UPDATE ON sluis.checkpoint
    FOR EACH ROW EXECUTE FUNCTION sluis.only_later();

COMMIT;
