-- The trusted place of a log in PostgreSQL: the last tree head that may be signed.
-- Apply once, as the owner of the database; applying it again changes nothing.
-- Best in a database that is backed up, restored and administered apart from the
-- log's: who can put both back at once is not found out here.
--
-- A validator needs no more than this (the role is yours to name):
--   GRANT USAGE ON SCHEMA sluis_trusted TO validator;
--   GRANT EXECUTE ON FUNCTION sluis_trusted.advance TO validator;
--   GRANT SELECT ON sluis_trusted.heads TO validator;
-- It then can move a head forward, and do nothing else.

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

COMMIT;
