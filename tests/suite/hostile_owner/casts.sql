-- Types of an owner's own in tables of the pack, with casts: to_jsonb() and implicit conversions look for casts, whatever the
-- search path is. Run as a login that is a member of the role that owns the tables of SCHEMA.

SET search_path = pg_catalog;

CREATE TYPE SCHEMA.temper AS ENUM ('calm', 'angry');
CREATE FUNCTION SCHEMA.of_mood(m SCHEMA.mood) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM SCHEMA.hit('cast of an enum'); RETURN 'calm'; END $$;
CREATE FUNCTION SCHEMA.of_temper(t SCHEMA.temper) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM SCHEMA.hit('cast of an enum to json'); RETURN '"calm"'; END $$;
CREATE FUNCTION SCHEMA.of_pair(p SCHEMA.pair) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM SCHEMA.hit('cast of a composite'); RETURN ''; END $$;
CREATE FUNCTION SCHEMA.of_row(r SCHEMA.users) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM SCHEMA.hit('cast of a row'); RETURN ''; END $$;
CREATE FUNCTION SCHEMA.json_of_row(r SCHEMA.users) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM SCHEMA.hit('cast of a row to json'); RETURN '{}'; END $$;
CREATE FUNCTION SCHEMA.to_mood(t text) RETURNS SCHEMA.mood LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM SCHEMA.hit('cast to an enum'); RETURN 'calm'::SCHEMA.mood; END $$;
CREATE FUNCTION SCHEMA.to_pair(t text) RETURNS SCHEMA.pair LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM SCHEMA.hit('cast to a composite'); RETURN ROW('x', 1)::SCHEMA.pair; END $$;

CREATE CAST (SCHEMA.mood AS text) WITH FUNCTION SCHEMA.of_mood(SCHEMA.mood) AS IMPLICIT;
CREATE CAST (SCHEMA.temper AS json) WITH FUNCTION SCHEMA.of_temper(SCHEMA.temper) AS IMPLICIT;
CREATE CAST (SCHEMA.pair AS text) WITH FUNCTION SCHEMA.of_pair(SCHEMA.pair) AS IMPLICIT;
CREATE CAST (SCHEMA.users AS text) WITH FUNCTION SCHEMA.of_row(SCHEMA.users) AS IMPLICIT;
CREATE CAST (SCHEMA.users AS json) WITH FUNCTION SCHEMA.json_of_row(SCHEMA.users) AS IMPLICIT;
CREATE CAST (text AS SCHEMA.mood) WITH FUNCTION SCHEMA.to_mood(text) AS ASSIGNMENT;
CREATE CAST (text AS SCHEMA.pair) WITH FUNCTION SCHEMA.to_pair(text) AS ASSIGNMENT;

ALTER TABLE SCHEMA.users ADD COLUMN mood SCHEMA.mood DEFAULT 'calm', ADD COLUMN temper SCHEMA.temper DEFAULT 'calm',
     ADD COLUMN words SCHEMA.word[], ADD COLUMN pair SCHEMA.pair;
ALTER TABLE SCHEMA.users ALTER COLUMN name TYPE SCHEMA.word;
