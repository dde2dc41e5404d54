-- What was used once (DPoP proofs, single-use mandates), in PostgreSQL 14 or
-- later, for several validators that share it. Apply once, as the owner of the
-- database; applying it again changes nothing.
--
-- A validator needs no more than this (the role is yours to name):
--   GRANT USAGE ON SCHEMA sluis TO validator;
--   GRANT EXECUTE ON FUNCTION sluis.consume TO validator;
-- It then can use keys, and neither read nor free them.

BEGIN;

CREATE SCHEMA IF NOT EXISTS sluis;

CREATE TABLE IF NOT EXISTS sluis.used (
    key   bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    until bigint NOT NULL CHECK (until >= 0)
);

CREATE INDEX IF NOT EXISTS used_until ON sluis.used (until);

-- Uses a key; false if it was used before. Called as a statement of its own: of
-- two that insert one key the second waits for the first one's commit and then
-- conflicts, or inserts if there was none.
CREATE OR REPLACE FUNCTION sluis.consume(p_key bytea, p_until bigint)
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '3s'
AS $$
DECLARE
    v_first boolean;
BEGIN
    -- An answer means durable, also where the database trades that for speed.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;

    INSERT INTO sluis.used (key, until) VALUES (p_key, p_until)
        ON CONFLICT (key) DO NOTHING;
    v_first := FOUND;

    -- A few of those that are past their time by five minutes (the clocks'
    -- margin), with each one that comes; whatever another one clears is skipped.
    DELETE FROM sluis.used WHERE key IN (
        SELECT u.key FROM sluis.used u
         WHERE u.until < extract(epoch FROM now())::bigint - 300 AND u.key <> p_key
         ORDER BY u.until LIMIT 4 FOR UPDATE SKIP LOCKED);

    RETURN v_first;
END
$$;

REVOKE ALL ON FUNCTION sluis.consume FROM PUBLIC;

COMMIT;
