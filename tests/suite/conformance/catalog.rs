//! PostgreSQL's catalog: the cost of one tenant does not grow with the number of tenants, and what
//! others made is understood.

use std::fmt::Write as _;
use std::process::Command;

use fixtool::backends::database::postgres::{introspect_queries, rebuild};
use fixtool::model::LogicalType;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use super::{model, namespace, on_postgres};

const MODEL: &str = "
tables:
  parents:
    comment: x
    columns:
      id: {type: int, required: true}
      name: {type: text, unique: true}
      kind: {type: 'enum(a,b)', default: a}
    primary_key: [id]
    index: [[kind, name]]
    check: {named: name <> ''}
  children:
    columns:
      id: {type: int, required: true}
      parent: {type: int, references: parents.id, on_delete: cascade}
    primary_key: [id]
    index: [[parent]]
";

/// Schemas of eleven tables each, made by the server itself in a few large transactions.
async fn fill_catalog(connection: &mut PgConnection, schemas: u32) {
    for chunk in 0..schemas.div_ceil(50) {
        let mut sql = String::new();
        for schema in chunk * 50..((chunk + 1) * 50).min(schemas) {
            let _ = write!(sql, "CREATE SCHEMA s{schema};");
            for table in 0..11 {
                let _ = write!(sql, "CREATE TABLE s{schema}.t{table} (id int PRIMARY KEY, a text, b text);");
            }
        }
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await.unwrap();
    }
}

/// Every plan node of a query with its relation.
async fn plan(connection: &mut PgConnection, sql: &str, namespace: &str) -> String {
    let bound =
        sql.replace("$1::pg_catalog.int8[]::pg_catalog.oid[]", "ARRAY['s7.t1'::regclass::oid, 's7.t2'::regclass::oid]");
    let bound = bound.replace("$1", &format!("'{namespace}'"));
    let rows = sqlx::raw_sql(AssertSqlSafe(format!("EXPLAIN {bound}"))).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(0) + "\n").collect()
}

#[test]
fn one_tenant_among_thousands_is_read_by_index() {
    on_postgres(|place| async move {
        // The whole place moves in: its database must outlive the case.
        let place = place;
        let mut connection = PgConnection::connect(&place.database().unwrap().url()).await.unwrap();
        fill_catalog(&mut connection, 2000).await;
        sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
        let large =
            ["pg_class", "pg_attribute", "pg_constraint", "pg_index", "pg_depend", "pg_attrdef", "pg_namespace"];
        sqlx::raw_sql("BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL jit = off")
            .execute(&mut connection)
            .await
            .unwrap();
        for sql in introspect_queries() {
            let plan = plan(&mut connection, sql, "s7").await;
            for relation in large {
                assert!(!plan.contains(&format!("Seq Scan on {relation} ")), "{plan}");
                assert!(
                    !plan.contains(&format!("Bitmap Heap Scan on {relation} ")) || plan.contains("Index Cond"),
                    "{plan}"
                );
            }
        }
        // Read pages are what counts on a busy server; the buffer counters do not depend on its load.
        let here = namespace("s7");
        assert_eq!(place.writer.introspect(&here).await.unwrap().tables.len(), 11);
        let started = std::time::Instant::now();
        for _ in 0..20 {
            place.writer.introspect(&here).await.unwrap();
        }
        println!("introspect: {:?}", started.elapsed() / 20);
    });
}

#[test]
fn what_is_taken_off_a_table_comes_back_exactly() {
    on_postgres(|place| async move {
        // The whole place moves in: its database must outlive the case.
        let place = place;
        let (model, here) = (model(MODEL), namespace("tenant_\"a"));
        place.create(&here, &model).await;
        let extras = [
            "CREATE INDEX \"odd \"\" name\" ON \"tenant_\"\"a\".parents (lower(name) DESC) WHERE id > 5",
            "COMMENT ON INDEX \"tenant_\"\"a\".\"odd \"\" name\" IS 'it''s'",
            "COMMENT ON CONSTRAINT parents_pkey ON \"tenant_\"\"a\".parents IS 'key'",
            "CREATE INDEX held ON \"tenant_\"\"a\".parents (name)",
            "ALTER TABLE \"tenant_\"\"a\".parents CLUSTER ON held",
            "CREATE VIEW \"tenant_\"\"a\".v AS SELECT id, name FROM \"tenant_\"\"a\".children c JOIN \"tenant_\"\"a\".parents USING (id)",
        ]
        .map(str::to_owned);
        place.writer.execute(&here, &extras).await.unwrap();
        let before = place.database().unwrap().query(DESCRIBED);
        let mut connection = PgConnection::connect(&place.database().unwrap().url()).await.unwrap();
        let mut transaction = connection.begin().await.unwrap();
        let taken = rebuild::of(&mut transaction, &here, "parents").await.unwrap();
        let drops = taken.drop.join("\n");
        for part in ["children_parent_fkey", "parents_pkey", "parents_name_key", "odd \"\" name"] {
            assert!(drops.contains(part), "{drops}");
        }
        assert!(!drops.contains("held") && !drops.contains("CHECK"), "{drops}");
        for statement in taken.drop.iter().chain(&taken.build) {
            sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut *transaction).await.unwrap();
        }
        transaction.commit().await.unwrap();
        assert_eq!(place.database().unwrap().query(DESCRIBED), before);
        let nothing = rebuild::of(&mut connection, &here, "missing").await.unwrap();
        assert_eq!(nothing, rebuild::Rebuild::default());
    });
}

const DESCRIBED: &str = "
    SELECT 'index', pg_get_indexdef(i.indexrelid), i.indisclustered, obj_description(i.indexrelid)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname LIKE 'tenant%'
    UNION ALL
    SELECT 'constraint', k.conrelid::regclass || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid), k.convalidated,
           obj_description(k.oid)
    FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace WHERE n.nspname LIKE 'tenant%'
    ORDER BY 1, 2";

#[test]
fn a_schema_of_thousands_of_relations_is_dropped_with_default_locks() {
    on_postgres(|place| async move {
        // The whole place moves in: its database must outlive the case.
        let place = place;
        let here = namespace("wide");
        place.writer.create_namespace(&here).await.unwrap();
        let tables: Vec<String> = (0..2500)
            .map(|n| {
                format!(
                    "CREATE TABLE wide.t{n} (id serial PRIMARY KEY, a text UNIQUE, parent int REFERENCES wide.t{n})"
                )
            })
            .collect();
        for some in tables.chunks(250) {
            place.writer.execute(&here, some).await.unwrap();
        }
        place.writer.drop_namespace(&here).await.unwrap();
        assert!(!place.writer.namespace_exists(&here).await.unwrap());
    });
}

#[test]
fn schemas_that_others_made_are_understood() {
    on_postgres(|place| async move {
        // The whole place moves in: its database must outlive the case.
        let place = place;
        let here = namespace("other");
        let statements = [
            "CREATE SCHEMA other",
            "CREATE TYPE other.mood AS ENUM ('sad', 'happy')",
            "CREATE DOMAIN other.positive AS integer CHECK (VALUE > 0)",
            "CREATE TABLE other.people (id bigserial PRIMARY KEY, short smallint, name varchar, mood other.mood DEFAULT 'sad',
                 made timestamp DEFAULT now(), doc json, code char(2), amount numeric, tags varchar[], n other.positive,
                 full_name text GENERATED ALWAYS AS ('x') STORED, state text CHECK (state IN ('on', 'off')),
                 CONSTRAINT sane CHECK (short > 0 AND amount < 10))",
            "CREATE INDEX ON other.people USING gin (tags)",
            "CREATE INDEX ON other.people (lower(name))",
            "CREATE INDEX ON other.people (name, made DESC) INCLUDE (code)",
            "CREATE UNIQUE INDEX ON other.people (code) WHERE short > 1",
            "CREATE TABLE other.parted (at date NOT NULL, x int) PARTITION BY RANGE (at)",
            "CREATE TABLE other.parted_1 PARTITION OF other.parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
        ]
        .map(str::to_owned);
        place.writer.execute(&namespace("public"), &statements).await.unwrap();
        let found = place.writer.introspect(&here).await.unwrap();
        assert_eq!(found.tables.keys().collect::<Vec<_>>(), ["people", "parted"]);
        let people = &found.tables["people"];
        let types: Vec<String> = people
            .columns
            .iter()
            .map(|(name, c)| format!("{name} {} {}", c.logical, c.default.as_deref().unwrap_or("-")))
            .collect();
        assert_eq!(
            types,
            [
                "id bigint serial()",
                "short int -",
                "name text -",
                "mood enum(sad,happy) sad",
                "made timestamp now()",
                "doc json -",
                "code native(character(2)) -",
                "amount native(numeric) -",
                "tags list(text) -",
                "n native(other.positive) -",
                "state enum(on,off) -",
            ]
        );
        assert_eq!(people.index, [["name".to_owned(), "made".to_owned()]]);
        assert!(people.unique.is_empty() && !people.columns["code"].unique);
        assert_eq!(people.check["sane"], "(short > 0) AND (amount < (10)::numeric)");
        assert!(matches!(people.columns["state"].logical, LogicalType::Enum(_)));
    });
}

#[test]
fn pgbench_is_understood() {
    on_postgres(|place| async move {
        // The whole place moves in: its database must outlive the case.
        let place = place;
        let url = place.database().unwrap().url();
        let made = Command::new("pgbench").args(["-i", "-s", "1", "-q", &url]).output().expect("pgbench");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let found = place.writer.introspect(&namespace("public")).await.unwrap();
        assert_eq!(found.tables.len(), 4);
        assert_eq!(found.tables["pgbench_accounts"].primary_key, ["aid"]);
        assert_eq!(found.tables["pgbench_accounts"].columns["filler"].logical.to_string(), "native(character(84))");
        // What was found can be made again, and is the same.
        let copy = namespace("copy");
        place.create(&copy, &found).await;
        assert_eq!(place.writer.introspect(&copy).await.unwrap(), found);
    });
}
