-- Triggers of every kind on every table of SCHEMA on which the login may have them; fixtool's own tables are tried too.
-- A superuser gives the tables of the pack those that an owner's right to make triggers, where he has it, gives them.

SET search_path = pg_catalog;

CREATE OR REPLACE FUNCTION SCHEMA.fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM SCHEMA.hit(pg_catalog.concat('trigger ', TG_NAME, ' ', TG_WHEN, ' ', TG_OP, ' on ', TG_TABLE_NAME));
    IF TG_LEVEL OPERATOR(pg_catalog.=) 'STATEMENT'::pg_catalog.text THEN RETURN NULL; END IF;
    RETURN COALESCE(NEW, OLD);
END $$;

DO $do$
DECLARE
    one record;
    kind text;
BEGIN
    FOR one IN SELECT c.oid::regclass::text AS name FROM pg_class c
               WHERE c.relnamespace = 'SCHEMA'::regnamespace AND c.relkind IN ('r', 'p')
                 AND NOT (current_user = 'fixtool' AND c.relname LIKE '\_fixtool%')
                 AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'trap_1') LOOP
        FOREACH kind IN ARRAY ARRAY[
            'TRIGGER trap_1 BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW',
            'TRIGGER trap_2 AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW',
            'TRIGGER trap_3 BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH STATEMENT',
            'TRIGGER trap_4 AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH STATEMENT',
            'CONSTRAINT TRIGGER trap_5 AFTER INSERT OR UPDATE OR DELETE ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW'
        ] LOOP
            BEGIN
                EXECUTE format('CREATE ' || kind || ' EXECUTE FUNCTION SCHEMA.fire()', one.name);
            EXCEPTION WHEN insufficient_privilege THEN NULL;
            END;
        END LOOP;
    END LOOP;
END $do$;
