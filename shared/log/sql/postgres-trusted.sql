-- The trusted place of a log in PostgreSQL: the last tree head that may be signed, and
-- the wrapped keys of payloads.
-- Apply once, as the owner of the database; applying it again changes nothing.
-- Best in a database that is backed up, restored and administered apart from the
-- log's: who can put both back at once is not found out here. Its backups hold the
-- wrapped keys: what is destroyed is destroyed when they are gone too.
--
-- A validator needs no more than this (the role is yours to name):
--   GRANT USAGE ON SCHEMA sluis_trusted TO validator;
--   GRANT EXECUTE ON FUNCTION sluis_trusted.advance TO validator;
--   GRANT EXECUTE ON FUNCTION sluis_trusted.payload_key TO validator;
--   GRANT EXECUTE ON FUNCTION sluis_trusted.destroy_payload_key TO validator;
--   GRANT SELECT ON sluis_trusted.heads, sluis_trusted.payload_keys TO validator;
-- It then can move a head forward, make a period's key, and destroy it for ever from
-- the period's day on, and do nothing else.

BEGIN;

CREATE SCHEMA IF NOT EXISTS sluis_trusted;

CREATE TABLE IF NOT EXISTS sluis_trusted.heads (
    origin text PRIMARY KEY,
    size   bigint NOT NULL CHECK (size > 0),
    root   bytea NOT NULL CHECK (octet_length(root) = 32)
);

-- Moves the head of a log from an old one (size 0: there is none) to a larger
-- one. Whether the old one stood there. One statement, so one transaction.
CREATE OR REPLACE FUNCTION sluis_trusted.advance(
    p_origin   text,
    p_old_size bigint,
    p_old_root bytea,
    p_size     bigint,
    p_root     bytea
)
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '3s'
AS $$
BEGIN
    IF p_size <= p_old_size THEN
        RETURN false;
    END IF;
    -- An answer means durable, also where the database trades that for speed.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    IF p_old_size = 0 THEN
        INSERT INTO sluis_trusted.heads (origin, size, root)
            VALUES (p_origin, p_size, p_root)
            ON CONFLICT (origin) DO NOTHING;
    ELSE
        UPDATE sluis_trusted.heads h
           SET size = p_size, root = p_root
         WHERE h.origin = p_origin AND h.size = p_old_size AND h.root = p_old_root;
    END IF;
    RETURN FOUND;
END
$$;

REVOKE ALL ON FUNCTION sluis_trusted.advance FROM PUBLIC;

-- Against accidents, as in the log: who owns the database can do anything.
CREATE OR REPLACE FUNCTION sluis_trusted.keep_heads() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a trusted head is never deleted' USING ERRCODE = 'SL003';
END
$$;

CREATE OR REPLACE TRIGGER heads_stay
    BEFORE DELETE OR TRUNCATE ON sluis_trusted.heads
    FOR EACH STATEMENT EXECUTE FUNCTION sluis_trusted.keep_heads();

CREATE OR REPLACE FUNCTION sluis_trusted.only_forward() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.size <= OLD.size OR NEW.origin <> OLD.origin THEN
        RAISE EXCEPTION 'a trusted head only grows' USING ERRCODE = 'SL003';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER heads_grow
    BEFORE UPDATE ON sluis_trusted.heads
    FOR EACH ROW EXECUTE FUNCTION sluis_trusted.only_forward();

-- The key of each retention period, wrapped; or what is known of its destruction.
-- A period is never forgotten, so it never gets a second key.
CREATE TABLE IF NOT EXISTS sluis_trusted.payload_keys (
    origin    text NOT NULL,
    period    text NOT NULL,
    wrapped   bytea CHECK (octet_length(wrapped) = 72),
    destroyed text,
    PRIMARY KEY (origin, period),
    CHECK ((wrapped IS NULL) <> (destroyed IS NULL))
);

-- The key of a period; p_candidate becomes it if there never was one. Whoever asks
-- at the same time gets the same.
CREATE OR REPLACE FUNCTION sluis_trusted.payload_key(
    p_origin    text,
    p_period    text,
    p_candidate bytea,
    OUT o_wrapped   bytea,
    OUT o_destroyed text
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '3s'
AS $$
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    INSERT INTO sluis_trusted.payload_keys (origin, period, wrapped)
        VALUES (p_origin, p_period, p_candidate)
        ON CONFLICT (origin, period) DO NOTHING;
    SELECT k.wrapped, k.destroyed INTO STRICT o_wrapped, o_destroyed
      FROM sluis_trusted.payload_keys k
     WHERE k.origin = p_origin AND k.period = p_period;
END
$$;

REVOKE ALL ON FUNCTION sluis_trusted.payload_key FROM PUBLIC;

-- Destroys the key of a period that is over by this server's date. Whether it was
-- there, and over. What is known of the destruction stays: the record of it.
CREATE OR REPLACE FUNCTION sluis_trusted.destroy_payload_key(
    p_origin    text,
    p_period    text,
    p_destroyed text
)
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '3s'
AS $$
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    UPDATE sluis_trusted.payload_keys k
       SET wrapped = NULL, destroyed = p_destroyed
     WHERE k.origin = p_origin AND k.period = p_period AND k.wrapped IS NOT NULL
       AND split_part(k.period, '/', 2)::date <= (now() AT TIME ZONE 'UTC')::date;
    RETURN FOUND;
END
$$;

REVOKE ALL ON FUNCTION sluis_trusted.destroy_payload_key FROM PUBLIC;

CREATE OR REPLACE FUNCTION sluis_trusted.never_forget() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a period is never forgotten' USING ERRCODE = 'SL003';
END
$$;

CREATE OR REPLACE TRIGGER payload_keys_stay
    BEFORE DELETE OR TRUNCATE ON sluis_trusted.payload_keys
    FOR EACH STATEMENT EXECUTE FUNCTION sluis_trusted.never_forget();

CREATE OR REPLACE FUNCTION sluis_trusted.end_when_due() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.wrapped IS NULL OR NEW.wrapped IS NOT NULL
       OR NEW.origin <> OLD.origin OR NEW.period <> OLD.period THEN
        RAISE EXCEPTION 'a key is destroyed once and never changed'
            USING ERRCODE = 'SL003';
    END IF;
    IF split_part(OLD.period, '/', 2)::date > (now() AT TIME ZONE 'UTC')::date THEN
        RAISE EXCEPTION 'a key is kept until the day of its period'
            USING ERRCODE = 'SL003';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER payload_keys_end
    BEFORE UPDATE ON sluis_trusted.payload_keys
    FOR EACH ROW EXECUTE FUNCTION sluis_trusted.end_when_due();

COMMIT;
