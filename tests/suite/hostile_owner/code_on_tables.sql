-- Code of an owner on tables that a pack made: whatever a table's owner may plant. Run as a login that is a member of the
-- role that owns the tables of SCHEMA; hit() and springs() are there already.

SET search_path = pg_catalog;

CREATE FUNCTION SCHEMA.fine(what text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM SCHEMA.hit(what); RETURN true; END $$;
CREATE FUNCTION SCHEMA.same(what text, value text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM SCHEMA.hit(what); RETURN value; END $$;
CREATE DOMAIN SCHEMA.checked AS text CHECK (SCHEMA.fine('domain'));

-- A table of the owner's own, with all of it.
CREATE TABLE SCHEMA.own_table (
    id int PRIMARY KEY,
    word SCHEMA.checked DEFAULT SCHEMA.same('default of a domain', 'x'),
    mood SCHEMA.mood DEFAULT 'calm',
    made text GENERATED ALWAYS AS (SCHEMA.same('generated column', 'x')) STORED,
    CHECK (SCHEMA.fine('CHECK of an own table'))
);
INSERT INTO SCHEMA.own_table (id) VALUES (1), (2);
CREATE VIEW SCHEMA.own_view AS SELECT SCHEMA.springs() AS id;
CREATE MATERIALIZED VIEW SCHEMA.own_matview AS SELECT SCHEMA.springs() AS id;

ALTER TABLE SCHEMA.users
    ADD COLUMN extra text DEFAULT SCHEMA.same('default', 'x'),
    ADD COLUMN path text DEFAULT pg_catalog.set_config('search_path', 'SCHEMA', false),
    ADD COLUMN asked xml DEFAULT pg_catalog.query_to_xml('SELECT SCHEMA.springs()', true, true, ''),
    ADD COLUMN word SCHEMA.checked,
    ADD COLUMN made text GENERATED ALWAYS AS (SCHEMA.same('generated column', 'x')) STORED,
    ADD CONSTRAINT own_check CHECK (SCHEMA.fine('CHECK')),
    ADD CONSTRAINT asks CHECK (pg_catalog.query_to_xml('SELECT SCHEMA.springs()', true, true, '') IS NOT NULL);
CREATE INDEX own_expression ON SCHEMA.users (SCHEMA.same('index expression', email::text));
CREATE INDEX own_constant ON SCHEMA.users ((SCHEMA.same('constant index expression', 'x')));
CREATE INDEX own_predicate ON SCHEMA.users (email) WHERE SCHEMA.fine('index predicate');
-- Version 13 has no statistics of expressions.
SELECT pg_catalog.current_setting('server_version_num')::int >= 140000 AS has_them \gset
\if :has_them
CREATE STATISTICS SCHEMA.own_statistics ON (SCHEMA.same('statistics', email::text)), (SCHEMA.same('more of them', email::text))
    FROM SCHEMA.users;
CREATE STATISTICS SCHEMA.constant_statistics ON (SCHEMA.same('constant statistics', 'x')), email FROM SCHEMA.users;
\endif
ALTER TABLE SCHEMA.ai_sessions ALTER COLUMN session_type SET DEFAULT SCHEMA.same('default', 'chat');
ALTER TABLE SCHEMA.ai_sessions ADD CONSTRAINT own_check CHECK (SCHEMA.fine('CHECK'));

-- A child of a table is planned with it.
CREATE TABLE SCHEMA.users_child () INHERITS (SCHEMA.users);
CREATE INDEX own_child_predicate ON SCHEMA.users_child (email) WHERE SCHEMA.fine('index predicate of a child');

ALTER TABLE SCHEMA.users ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_policy ON SCHEMA.users USING (SCHEMA.fine('policy')) WITH CHECK (SCHEMA.fine('policy'));
ALTER TABLE SCHEMA.collaborations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_policy ON SCHEMA.collaborations USING (SCHEMA.fine('policy')) WITH CHECK (SCHEMA.fine('policy'));
CREATE RULE own_rule AS ON INSERT TO SCHEMA.content_generated DO ALSO SELECT SCHEMA.springs();
CREATE RULE own_rule_of_deletes AS ON DELETE TO SCHEMA.content_generated DO ALSO SELECT SCHEMA.springs();
